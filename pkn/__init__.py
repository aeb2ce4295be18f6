"""Classical image filters made smart: tiny networks set their parameters pixel by pixel.

>>> import numpy as np
>>> import pkn
>>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 80))
>>> clean = pkn.denoise(noisy)
>>> bool(clean.std() < 0.3 * noisy.std())
True

Importing this package loads neither torch nor Numba; the verbs do when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pkn.version import __version__

if TYPE_CHECKING:
    from pkn import filters as filters
    from pkn import nets as nets
    from pkn.evidence.calibration import calibrate
    from pkn.evidence.certificates import certify
    from pkn.evidence.deviations import uncertainty
    from pkn.evidence.risk import sure
    from pkn.restoration.blur_estimation import estimate_blur
    from pkn.restoration.debiasing import debias
    from pkn.restoration.deconvolution import deconvolve
    from pkn.restoration.denoising import denoise, predict_maps
    from pkn.restoration.noise_estimation import estimate_noise, measure_noise
    from pkn.restoration.noise_profile import NoiseProfile
    from pkn.restoration.parameter_maps import ParameterMaps
    from pkn.restoration.raw import denoise_raw
    from pkn.restoration.streams import stream
    from pkn.restoration.upsampling import upsample
    from pkn.sampling.kernel_predicting import sample
    from pkn.wavelets.denoising import wavelet_denoise
    from pkn.wavelets.sampling import wavelet_sample, wavelet_super_resolve

__all__ = [
    "NoiseProfile",
    "ParameterMaps",
    "__version__",
    "calibrate",
    "certify",
    "debias",
    "deconvolve",
    "denoise",
    "denoise_raw",
    "estimate_blur",
    "estimate_noise",
    "measure_noise",
    "predict_maps",
    "sample",
    "stream",
    "sure",
    "uncertainty",
    "upsample",
    "wavelet_denoise",
    "wavelet_sample",
    "wavelet_super_resolve",
]

_HOMES = {
    "NoiseProfile": "pkn.restoration.noise_profile",
    "ParameterMaps": "pkn.restoration.parameter_maps",
    "calibrate": "pkn.evidence.calibration",
    "certify": "pkn.evidence.certificates",
    "debias": "pkn.restoration.debiasing",
    "deconvolve": "pkn.restoration.deconvolution",
    "denoise": "pkn.restoration.denoising",
    "denoise_raw": "pkn.restoration.raw",
    "estimate_blur": "pkn.restoration.blur_estimation",
    "estimate_noise": "pkn.restoration.noise_estimation",
    "measure_noise": "pkn.restoration.noise_estimation",
    "predict_maps": "pkn.restoration.denoising",
    "sample": "pkn.sampling.kernel_predicting",
    "stream": "pkn.restoration.streams",
    "sure": "pkn.evidence.risk",
    "uncertainty": "pkn.evidence.deviations",
    "upsample": "pkn.restoration.upsampling",
    "wavelet_denoise": "pkn.wavelets.denoising",
    "wavelet_sample": "pkn.wavelets.sampling",
    "wavelet_super_resolve": "pkn.wavelets.sampling",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in ("filters", "nets"):
        return import_module(f"pkn.{name}")
    raise AttributeError(f"module 'pkn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "filters", "nets"})
