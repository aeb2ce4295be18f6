"""Methods of other libraries, by task: for each name, the settings to choose from on training images.

Baselines know the true noise level and blur kernel; our networks estimate them.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import numpy as np

from pkn.evaluation.metrics import GroundTruth, Method, axis_of
from pkn.restoration.deconvolution import deconvolve
from pkn.restoration.denoising import denoise
from pkn.restoration.upsampling import upsample

BORDER = 20  # px, mirrored around an image for methods that take what lies outside for 0


def denoisers() -> dict[str, list[Method]]:
    """The noisy image; wavelets and total variation of scikit-image; if installed, NLM of OpenCV, and BM3D."""
    name = "TV (scikit-image)"
    methods = {
        "noisy": [Method("noisy", lambda given, truth: given)],
        "wavelet (scikit-image)": [Method("wavelet (scikit-image)", _wavelet)],
        name: [Method(name, partial(_tv, weight=w), setting=f"weight {w:g} sigma") for w in (0.35, 0.5, 0.7, 1.0)],
    }
    if find_spec("cv2"):
        name = "NLM (OpenCV)"
        methods[name] = [
            Method(name, partial(_opencv_nlm, h=h), setting=f"h {h:g} sigma") for h in (0.5, 0.7, 0.9, 1.1)
        ]
    if find_spec("bm3d"):
        methods["BM3D"] = [Method("BM3D", _bm3d)]
    return methods


def upsamplers() -> dict[str, list[Method]]:
    """``pkn.upsample`` in one step, also after ``pkn.denoise``; interpolations of OpenCV, one after that too."""
    methods = {
        "one step": [Method("one step", lambda given, truth: _in_one_step(given))],
        "denoised": [Method("denoised, one step", lambda given, truth: _in_one_step(_denoised(given)))],
    }
    if find_spec("cv2"):
        import cv2

        kinds = {"Lanczos": cv2.INTER_LANCZOS4, "bicubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR}
        for name, kind in kinds.items():
            methods[name] = [Method(f"{name} (OpenCV)", partial(_resized, kind=kind))]
        name = "denoised, bicubic"
        methods[name] = [Method(name, lambda given, truth: _resized(_denoised(given), truth, cv2.INTER_CUBIC))]
    return methods


def deconvolvers() -> dict[str, list[Method]]:
    """The blurred image; ``pkn.deconvolve`` without a network; scikit-image; if installed, the polyblur package."""
    amounts, steps = (0.3, 0.5, 0.8, 1.2, 2.0), (10, 20, 40, 80)
    methods = {
        "blurred": [Method("blurred", lambda given, truth: given)],
        "known": [Method("no network, known blur", lambda given, truth: _without_network(given, truth["blur"]))],
        "estimated": [Method("no network, blind", lambda given, truth: _without_network(given, "estimate"))],
        "known, wiener": [Method("wiener, known blur", lambda given, truth: _by_wiener(given, truth["blur"]))],
        "estimated, wiener": [Method("wiener, blind", lambda given, truth: _by_wiener(given, "estimate"))],
        "unsharp": [Method("unsharp_mask", partial(_unsharp, amount=a), setting=f"amount {a:g}") for a in amounts],
        "lucy": [Method("richardson_lucy", partial(_richardson_lucy, steps=n), setting=f"{n} steps") for n in steps],
        "wiener": [Method("unsupervised_wiener", _wiener)],
    }
    if find_spec("polyblur"):
        pairs = ((2, 3), (6, 1))  # its two published settings
        methods["polyblur"] = [
            Method("polyblur package", partial(_polyblur, alpha=a, beta=b), setting=f"alpha {a}, beta {b}")
            for a, b in pairs
        ]
    return methods


def _denoised(given: np.ndarray) -> np.ndarray:
    return np.asarray(denoise(given, channel_axis=axis_of(given)))


def _in_one_step(given: np.ndarray) -> np.ndarray:
    return upsample(given, denoiser=None, channel_axis=axis_of(given))


def _wavelet(given: np.ndarray, truth: GroundTruth) -> np.ndarray:
    from skimage.restoration import denoise_wavelet

    return np.asarray(denoise_wavelet(given, truth["sigma"], channel_axis=axis_of(given)))


def _tv(given: np.ndarray, truth: GroundTruth, weight: float) -> np.ndarray:
    from skimage.restoration import denoise_tv_chambolle

    return np.asarray(denoise_tv_chambolle(given, weight * truth["sigma"], channel_axis=axis_of(given)))


def _opencv_nlm(given: np.ndarray, truth: GroundTruth, h: float) -> np.ndarray:
    import cv2

    h *= 255 * truth["sigma"]
    integers = np.rint(np.clip(given, 0, 1) * 255).astype(np.uint8)
    if given.ndim == 3:
        out = cv2.fastNlMeansDenoisingColored(integers, None, h, h)
    else:
        out = cv2.fastNlMeansDenoising(integers, None, h)
    return np.asarray(out) / np.float32(255)


def _bm3d(given: np.ndarray, truth: GroundTruth) -> np.ndarray:
    import bm3d

    run = bm3d.bm3d if given.ndim == 2 else bm3d.bm3d_rgb
    return np.asarray(run(given.astype(np.float64), truth["sigma"]))


def _resized(given: np.ndarray, truth: GroundTruth, kind: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(given, None, fx=2, fy=2, interpolation=kind))


def _without_network(given: np.ndarray, blur: object) -> np.ndarray:
    return deconvolve(given, blur=blur, channel_axis=axis_of(given))


def _by_wiener(given: np.ndarray, blur: object) -> np.ndarray:
    return deconvolve(given, blur=blur, method="wiener", channel_axis=axis_of(given))


def _unsharp(given: np.ndarray, truth: GroundTruth, amount: float) -> np.ndarray:
    from skimage.filters import unsharp_mask

    axis = 2 if given.ndim == 3 else None  # for -1 scikit-image 0.26 returns unset memory
    return np.asarray(unsharp_mask(given, truth["width"], amount, preserve_range=True, channel_axis=axis))


def _richardson_lucy(given: np.ndarray, truth: GroundTruth, steps: int) -> np.ndarray:
    from skimage.restoration import richardson_lucy

    return _by_channel(given, lambda x: richardson_lucy(np.maximum(x, 0), truth["kernel"], steps, clip=False))


def _wiener(given: np.ndarray, truth: GroundTruth) -> np.ndarray:
    from skimage.restoration import unsupervised_wiener

    return _by_channel(given, lambda x: unsupervised_wiener(x, truth["kernel"], rng=0, clip=False)[0])


def _polyblur(given: np.ndarray, truth: GroundTruth, alpha: float, beta: float) -> np.ndarray:
    import polyblur

    return np.asarray(polyblur.polyblur_deblurring(given, n_iter=1, alpha=alpha, beta=beta))


def _by_channel(image: np.ndarray, run: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Process each channel separately, with mirrored borders, for methods that take what lies outside for 0."""
    if image.ndim == 3:
        return np.stack([_by_channel(image[..., c], run) for c in range(image.shape[-1])], axis=-1)
    return run(np.pad(image, BORDER, mode="symmetric"))[BORDER:-BORDER, BORDER:-BORDER]
