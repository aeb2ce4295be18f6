"""Classical image filters made smart: tiny networks set their parameters pixel by pixel.

>>> import pkn
>>> clean = pkn.denoise(noisy)                         # doctest: +SKIP
>>> maps = pkn.predict_maps(noisy, net="bilateral")    # doctest: +SKIP

Importing this package loads neither torch nor Numba; the verbs do when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pkn.blur_estimation import estimate_blur
    from pkn.debiasing import debias
    from pkn.deconvolution import deconvolve
    from pkn.generation import sample
    from pkn.noise import estimate_noise
    from pkn.parameter_maps import ParameterMaps
    from pkn.upsampling import upsample
    from pkn.verbs import denoise, predict_maps
    from pkn.wavelet_denoising import wavelet_denoise
    from pkn.wavelet_sampling import wavelet_sample, wavelet_super_resolve

__version__ = "0.1.0"
__all__ = [
    "ParameterMaps",
    "__version__",
    "debias",
    "deconvolve",
    "denoise",
    "estimate_blur",
    "estimate_noise",
    "predict_maps",
    "sample",
    "upsample",
    "wavelet_denoise",
    "wavelet_sample",
    "wavelet_super_resolve",
]

_HOMES = {
    "ParameterMaps": "pkn.parameter_maps",
    "debias": "pkn.debiasing",
    "deconvolve": "pkn.deconvolution",
    "denoise": "pkn.verbs",
    "estimate_blur": "pkn.blur_estimation",
    "estimate_noise": "pkn.noise",
    "predict_maps": "pkn.verbs",
    "sample": "pkn.generation",
    "upsample": "pkn.upsampling",
    "wavelet_denoise": "pkn.wavelet_denoising",
    "wavelet_sample": "pkn.wavelet_sampling",
    "wavelet_super_resolve": "pkn.wavelet_sampling",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in ("filters", "nets"):
        return import_module(f"pkn.{name}")
    raise AttributeError(f"module 'pkn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "filters", "nets"})
