"""Measuring a method on images: mean PSNR and SSIM, and time per megapixel."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from skimage.metrics import structural_similarity

from pkn.io.folders import as_fraction

GroundTruth = dict[str, Any]  # what is known of how an image was degraded, by name: sigma, blur, ...


@dataclass(frozen=True)
class Case:
    """One way to degrade images: ``degrade(clean, random)`` gives what methods see, and the truth about it.

    ``clean`` is (H, W) or (H, W, 3), float32; ``random`` is a generator that depends on the noise level (in image
    values) and the image's number. Images are cut to sides that ``multiple`` divides.
    """

    name: str
    level: float
    degrade: Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, GroundTruth]]
    multiple: int = 1


@dataclass(frozen=True)
class Method:
    """What mends an image: ``restore(given, truth)``; networks look at nothing but the image."""

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
    """Peak signal to noise ratio in dB, for a peak of 1; over all channels. Infinite for equal images."""
    error = np.mean(np.square(image - truth, dtype=np.float64))
    return float(-10 * np.log10(error)) if error else np.inf


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity as in Wang et al. 2004, for a range of 1; the mean over channels.

    Its Gaussian window of sigma 1.5 (cut at 3.5 sigma, so 11 x 11), K1 = 0.01, K2 = 0.03, variances over N.
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
        clean = as_fraction(image).squeeze(-1) if image.shape[-1] == 1 else as_fraction(image)
        height, width = (side // case.multiple * case.multiple for side in clean.shape[:2])
        clean = clean[:height, :width]
        yield clean, *case.degrade(clean, np.random.default_rng((round(case.level * 255), number)))


def mean_psnr(method: Method, images: list[np.ndarray], case: Case) -> float:
    """A method's PSNR in dB alone: what searches for settings look at."""
    return float(np.mean([psnr(method.restore(given, truth), clean) for clean, given, truth in degraded(images, case)]))


def measure(method: Method, images: list[np.ndarray], case: Case, data: str = "") -> Row:
    """A method's figures on images (H, W, C). The first image is done twice, so that compiling isn't timed."""
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
