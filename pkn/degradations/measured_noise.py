"""The noise of an image whose truth is known: over intensity, for luma and chroma, on the levels of a pyramid."""

import numpy as np

from pkn.degradations.camera_noise import SMOOTHING
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.filters.pyramid import MOST_LEVELS
from pkn.nets import NoiseCurve

BINS = 6  # of intensity, with equally many pixels
MEASURED = 4  # levels; coarser ones have too few pixels in a crop, and go on as white noise does
SMALLEST = 1e-4


def measured_curve(given: np.ndarray, truth: np.ndarray) -> NoiseCurve:
    """The noise of ``given`` (C, H, W), grey or RGB, whose truth is known."""
    from scipy.ndimage import uniform_filter  # not at the top: noise estimates need what is below, and no SciPy

    image, noise = given[None].astype(np.float64), (given - truth)[None].astype(np.float64)
    if len(given) == 3:
        image, noise = to_opponent(image), to_opponent(noise)
    luma = uniform_filter(image[0, 0], SMOOTHING, mode="nearest")
    edges = np.quantile(luma, np.linspace(0, 1, BINS + 1)[1:-1])
    members = np.searchsorted(edges, luma.ravel())
    number = np.maximum(np.bincount(members, minlength=BINS), 1)
    intensity = np.maximum.accumulate(np.bincount(members, luma.ravel(), BINS) / number)
    parts = [noise[0, :1], noise[0, 1:]] if len(given) == 3 else [noise[0]]
    curves = []
    for planes in parts:
        power = np.bincount(members, np.square(planes).mean(0).ravel(), BINS) / number
        levels = level_deviations(planes, MEASURED)
        curves.append(np.sqrt(power) * with_coarser(levels / max(levels[0], SMALLEST))[:, None])
    return NoiseCurve(intensity + 1e-9 * np.arange(BINS), np.stack(curves, axis=1) + SMALLEST)


def level_deviations(noise: np.ndarray, levels: int) -> np.ndarray:
    """Standard deviations of noise (C, H, W) on the levels of a pyramid."""
    deviations = []
    for _ in range(levels):
        deviations.append(np.sqrt(np.square(noise).mean()))
        noise = halve(noise)
    return np.array(deviations)


def with_coarser(ratios: np.ndarray) -> np.ndarray:
    """Noise levels of some pyramid levels (n,), and of all coarser ones if noise is white there."""
    return np.concatenate([ratios, ratios[-1] * 0.5 ** np.arange(1, MOST_LEVELS + 2 - ratios.size)])
