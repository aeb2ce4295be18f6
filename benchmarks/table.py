"""The one table of baselines: what of ours is held against what of others, on the same image.

Ours gets a map for every pixel, baselines one setting. `make bench` times the pairs, the tests compare their results.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bm3d
import cv2
import kornia.filters as kornia
import numpy as np
import scipy.ndimage
import torch
from skimage import restoration

import pkn
from pkn.filters import (
    AnisotropicBilateral,
    AnisotropicGaussian,
    Bilateral,
    FreeKernel,
    IsotropicGaussian,
    JointBilateral,
    NonLocalMeans,
)

SPACE, RANGE, H, NOISE = 2.0, 0.1, 0.08, 0.1
Image = np.ndarray[Any, Any]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Pair:
    """``ours`` and ``theirs`` prepare a call for an image, (H, W) or (H, W, 3), float32.

    ``taps`` are the pixels of a window, ``operations`` the vector instructions of arithmetic that each costs in grey
    (0: not a filter). ``largest`` is the size, in megapixels, that the baseline is spared beyond. ``tolerance`` is
    the largest root mean square difference of the results, ``None`` where they differ by definition.
    """

    name: str
    baseline: str
    ours: Callable[[Image], Call]
    theirs: Callable[[Image], Call]
    taps: int = 0
    operations: int = 0
    channels: tuple[int, ...] = (1, 3)
    largest: float = 12
    tolerance: float | None = None


def photograph(height: int, width: int, channels: int) -> Image:
    """Smooth structure and noise."""
    random = np.random.default_rng(0)
    rough = cv2.GaussianBlur(random.random((height, width, channels), np.float32), (0, 0), 8)
    image = 0.5 + 8 * (rough - 0.5).reshape(height, width, channels)
    image = np.clip(image + NOISE * random.standard_normal(image.shape, np.float32), 0, 1)
    return image[..., 0] if channels == 1 else image


def _axis(image: Image) -> int | None:
    return None if image.ndim == 2 else -1


def _filter(flt: Any, **maps: Any) -> Callable[[Image], Call]:
    """A call of one of our filters with every map in full size."""

    def prepare(image: Image) -> Call:
        full = {
            name: np.ascontiguousarray(
                np.broadcast_to(np.float32(value)[..., None, None], np.shape(value) + image.shape[:2])
            )
            for name, value in maps.items()
        }
        return lambda: flt(image, channel_axis=_axis(image), **full)

    return prepare


def _joint(image: Image) -> Call:
    flt, guide = JointBilateral(5), image.mean(-1)[None] if image.ndim == 3 else image[None]
    maps = [np.full(image.shape[:2], value, np.float32) for value in (1 / SPACE, 1 / SPACE, 0, RANGE)]
    return lambda: flt(image, *maps, guide.copy(), channel_axis=_axis(image))


def _bytes(image: Image) -> Image:
    return np.rint(image * 255).astype(np.uint8)


def _opencv_bilateral(side: int) -> Callable[[Image], Call]:
    return lambda image: lambda: cv2.bilateralFilter(image, side, RANGE, SPACE)


def _tensor(image: Image) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(np.atleast_3d(image), -1, 0)[None].copy())


def _kornia_bilateral(image: Image) -> Call:
    tensor = _tensor(image)
    return lambda: kornia.bilateral_blur(
        tensor, 11, RANGE, (SPACE, SPACE), border_type="reflect", color_distance_type="l2"
    ).numpy()


def _kornia_joint(image: Image) -> Call:
    tensor = _tensor(image)
    guide = tensor.mean(1, keepdim=True)
    return lambda: kornia.joint_bilateral_blur(
        tensor, guide, 11, RANGE, (SPACE, SPACE), border_type="reflect", color_distance_type="l2"
    ).numpy()


def _opencv_nlm(image: Image) -> Call:
    levels = _bytes(image)
    if image.ndim == 2:
        return lambda: cv2.fastNlMeansDenoising(levels, None, 255 * H, 7, 21)
    return lambda: cv2.fastNlMeansDenoisingColored(levels)


def _skimage_nlm(image: Image) -> Call:
    return lambda: restoration.denoise_nl_means(image, 7, 10, h=H, fast_mode=True, channel_axis=_axis(image))


def _bm3d(image: Image) -> Call:
    run = bm3d.bm3d if image.ndim == 2 else bm3d.bm3d_rgb
    return lambda: run(image.astype(np.float64), NOISE)


def _richardson_lucy(image: Image) -> Call:
    kernel = np.outer(*(np.exp(-(np.arange(-4, 5) ** 2) / 2),) * 2)
    return lambda: restoration.richardson_lucy(image, kernel / kernel.sum(), 10)


def _verb(verb: Callable[..., Any], *arguments: Any, **options: Any) -> Callable[[Image], Call]:
    return lambda image: lambda: verb(image, *arguments, channel_axis=_axis(image), **options)


def _nlm_by_channel_means(image: Image) -> Call:
    """Distances are summed over channels by us, and averaged by scikit-image."""
    h = H * np.sqrt(1 if image.ndim == 2 else image.shape[-1])
    return _filter(NonLocalMeans(10), h=h, sigma=0.0)(image)


BILATERAL = {"sigma_space": SPACE, "sigma_range": RANGE}
ELLIPSE = {"kx": 1 / SPACE, "ky": 1 / SPACE, "rho": 0.0}
PAIRS = [
    *(
        Pair(
            f"bilateral {side} x {side}",
            "OpenCV",
            _filter(Bilateral(side // 2), **BILATERAL),
            _opencv_bilateral(side),
            side * side,
            16,
            tolerance=0.03,
        )
        for side in (7, 11, 15)
    ),
    Pair(
        "bilateral 11 x 11",
        "kornia",
        _filter(Bilateral(5), **BILATERAL),
        _kornia_bilateral,
        121,
        16,
        largest=1,
        tolerance=1e-5,
    ),
    Pair("joint bilateral 11 x 11", "kornia", _joint, _kornia_joint, 121, 18, largest=1, tolerance=1e-5),
    Pair(
        "anisotropic bilateral 11 x 11",
        "kornia",
        _filter(AnisotropicBilateral(5), **ELLIPSE, sigma_range=RANGE),
        _kornia_bilateral,
        121,
        18,
        largest=1,
        tolerance=1e-5,
    ),
    Pair(
        "Gaussian 11 x 11",
        "OpenCV",
        _filter(IsotropicGaussian(5), sigma=SPACE),
        lambda image: lambda: cv2.GaussianBlur(image, (11, 11), SPACE, borderType=cv2.BORDER_REFLECT),
        121,
        14,
        tolerance=1e-5,
    ),
    Pair(
        "anisotropic Gaussian 11 x 11",
        "SciPy",
        _filter(AnisotropicGaussian(5), **ELLIPSE),
        lambda image: lambda: scipy.ndimage.gaussian_filter(image, SPACE, axes=(0, 1), radius=5),
        121,
        16,
        tolerance=1e-5,
    ),
    Pair(
        "free kernels 5 x 5",
        "OpenCV",
        _filter(FreeKernel(2), logits=np.zeros((5, 5))),
        lambda image: lambda: cv2.blur(image, (5, 5), borderType=cv2.BORDER_REFLECT),
        25,
        12,
        tolerance=1e-5,
    ),
    Pair(
        "NLM 7 x 7, 21 x 21",
        "OpenCV (8 bit)",
        _filter(NonLocalMeans(10), h=H, sigma=0.0),
        _opencv_nlm,
        441,
        16,
        tolerance=0.06,
    ),
    Pair(
        "NLM 7 x 7, 21 x 21",
        "scikit-image",
        _nlm_by_channel_means,
        _skimage_nlm,
        441,
        16,
        largest=1,
        tolerance=0.06,
    ),
    Pair("pkn.denoise", "BM3D", _verb(pkn.denoise), _bm3d, largest=1, tolerance=0.03),
    Pair("pkn.denoise", "OpenCV NLM", _verb(pkn.denoise), _opencv_nlm, channels=(3,), tolerance=0.1),
    Pair("pkn.denoise", "scikit-image wavelet", _verb(pkn.denoise), _verb(restoration.denoise_wavelet, NOISE)),
    Pair(
        "pkn.upsample",
        "OpenCV Lanczos",
        _verb(pkn.upsample, scale=2),
        lambda image: lambda: cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_LANCZOS4),
        largest=1,
    ),
    Pair(
        "pkn.deconvolve",
        "scikit-image Richardson-Lucy",
        _verb(pkn.deconvolve),
        _richardson_lucy,
        channels=(1,),
        largest=1,
    ),
    Pair("pkn.estimate_noise", "scikit-image", _verb(pkn.estimate_noise), _verb(restoration.estimate_sigma)),
]
