"""Metrics of restoration methods: mean PSNR and SSIM, and time per megapixel."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from pkn.io.folders import to_float32

GroundTruth = dict[str, Any]  # how an image was degraded, by name: sigma, blur, ...


@dataclass(frozen=True)
class Case:
    """A degradation that methods are evaluated on.

    Parameters
    ----------
    name : str
    level : float
        Noise level, in image values; it seeds the generator of ``degrade``, with the number of the image.
    degrade : callable
        ``degrade(clean, random)`` of an image (H, W) or (H, W, 3), float32, and a generator returns the degraded image
        and its ground truth.
    multiple : int
        Images are cropped to sides that are multiples of it.
    """

    name: str
    level: float
    degrade: Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, GroundTruth]]
    multiple: int = 1


@dataclass(frozen=True)
class Method:
    """A restoration method: ``restore(given, truth)``, of the degraded image and its ground truth."""

    name: str
    restore: Callable[[np.ndarray, GroundTruth], np.ndarray]
    parameters: int | None = None
    setting: str = ""


@dataclass(frozen=True)
class Row:
    """Means over all images of a folder; ``seconds`` is the median time for a megapixel of output."""

    data: str
    case: str
    method: str
    parameters: int | None
    psnr: float
    ssim: float
    seconds: float
    setting: str = ""


def axis_of(image: np.ndarray) -> int | None:
    """The channel axis of (H, W) or (H, W, C)."""
    return None if image.ndim == 2 else -1


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio, dB, over all channels, for images in [0, 1]; infinite for equal images.

    Examples
    --------
    >>> import numpy as np
    >>> round(psnr(np.zeros((4, 4)), np.full((4, 4), 0.1)), 6)
    20.0
    """
    error = np.mean(np.square(image - truth, dtype=np.float64))
    return float(-10 * np.log10(error)) if error else np.inf


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of images in [0, 1], the mean over channels.

    As published: a Gaussian window of sigma 1.5 (cut at 3.5 sigma, so 11 x 11), K1 = 0.01, K2 = 0.03, biased variances.

    Parameters
    ----------
    image, truth : ndarray of shape (H, W) or (H, W, C)

    Examples
    --------
    >>> import numpy as np
    >>> image = np.random.default_rng(0).random((16, 16))
    >>> ssim(image, image), round(ssim(image, 1 - image), 1)
    (1.0, -1.0)
    """
    return float(
        structural_similarity(
            image,
            truth,
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=axis_of(image),
        )
    )


def degraded(images: list[np.ndarray], case: Case) -> Iterable[tuple[np.ndarray, np.ndarray, GroundTruth]]:
    """Clean image, degraded image and truth for each of ``images`` (H, W, C)."""
    for number, image in enumerate(images):
        clean = to_float32(image).squeeze(-1) if image.shape[-1] == 1 else to_float32(image)
        height, width = (side // case.multiple * case.multiple for side in clean.shape[:2])
        clean = clean[:height, :width]
        yield clean, *case.degrade(clean, np.random.default_rng((round(case.level * 255), number)))


def mean_psnr(method: Method, images: list[np.ndarray], case: Case) -> float:
    """The mean PSNR of a method, dB, for searches of settings."""
    return float(np.mean([psnr(method.restore(given, truth), clean) for clean, given, truth in degraded(images, case)]))


def measure(method: Method, images: list[np.ndarray], case: Case, data: str = "") -> Row:
    """Evaluate a method on images (H, W, C). The first is restored twice, so that compilation isn't timed."""
    scores: list[float] = []
    similarities: list[float] = []
    seconds: list[float] = []
    for clean, given, truth in degraded(images, case):
        if not scores:
            method.restore(given, truth)
        begin = time.perf_counter()
        out = method.restore(given, truth)
        seconds.append((time.perf_counter() - begin) / (clean.shape[0] * clean.shape[1] / 1e6))
        scores.append(psnr(out, clean))
        similarities.append(ssim(np.asarray(out, np.float32), clean))
    figures = float(np.mean(scores)), float(np.mean(similarities)), float(np.median(seconds))
    return Row(data, case.name, method.name, method.parameters, *figures, method.setting)
