"""``pkn.estimate_noise``: the two numbers of a camera's noise, from an image.

A sensor counts electrons (Poisson) and reads them out with an error (Gaussian): in image values, the variance at a
clean intensity x is gain x + read_noise^2 (Foi, Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian
noise modeling and fitting for single-image raw-data", 2008).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter
from scipy.optimize import nnls

from pkn.degradations.camera_noise import SMOOTHING
from pkn.filters.arrays import check_image, check_mask, to_planes

BLOCK = 8  # pixels
SMALLEST = 2 * BLOCK + 2  # an image's side: some blocks, inside a margin
QUANTILE = 0.1  # of the blocks of like intensity: the flattest show the noise, the others texture too
AT_QUANTILE = 0.627  # of the mean, for white noise: measured on 65,000 blocks
DETAIL = np.array([1, -2, 1]) / np.sqrt(6)  # of unit gain for white noise, in both directions Immerkaer's mask
BINS, FEWEST = 24, 40  # intensities, and blocks in each
ROUNDS = 12
TEXTURE = 1.6  # times what white noise leaves at half the resolution; photographs leave as much by themselves
WIDEST = 1.5  # px, of a correlation
CLIPPED = 0.001  # share of pixels at the very end of the range that says that the range was cut there


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of an image.

    Parameters
    ----------
    gain : float
        Variance per intensity. Below 0 where noise falls with intensity, as a camera's gamma makes it.
    read_noise : float
        Standard deviation in the dark, in image values.
    correlation : float
        Width (standard deviation in pixels) of a Gaussian that would make white noise as alike in neighbouring pixels
        as it is here: demosaicing and JPEG do. 0 for white noise; the levels above allow for it.
    blocks : int
        Blocks of 8 x 8 pixels that the figures are fitted to.
    sigma_map : array of shape (H, W)
        Standard deviation at each pixel: sqrt(gain x + read_noise^2), x the mean of 5 x 5 pixels and all channels
        (where the gain is below 0, not above the image's brightest blocks, where the line would end).
    """

    gain: float
    read_noise: float
    correlation: float
    blocks: int
    sigma_map: np.ndarray = field(repr=False)

    def at(self, intensity: float) -> float:
        """Standard deviation at an intensity."""
        return float(np.sqrt(max(0.0, self.gain * max(intensity, 0) + self.read_noise**2)))


def estimate_noise(image: Any, *, channel_axis: int | None = None, mask: Any = None) -> NoiseEstimate:
    """Estimate signal-dependent noise from a single image.

    Second differences (Immerkaer's mask) of blocks of 8 x 8 pixels, sorted by intensity; the lower decile of each
    intensity's variances, divided by what it is for white noise of variance 1; and through these points the line of
    :class:`NoiseEstimate`, at least 0 at both of its ends, by repeated least squares of relative errors with Cauchy
    weights (texture only ever adds). The model is that of Foi et al. 2008.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        uint8 and uint16 are read as fractions of their full range, floats as they are. At least 18 pixels a side.
        Blocks at a cut end of the range (many pixels there alike) don't count.
    channel_axis : int, optional
        Axis of the channels; they are taken to have the same noise.
    mask : bool array of shape (H, W), optional
        Pixels that are False don't count.

    Returns
    -------
    NoiseEstimate

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    planes = to_planes(check_image(image, channel_axis), channel_axis)[0]
    height, width = planes.shape[1:]
    if min(height, width) < SMALLEST:
        raise ValueError(f"image is {height} x {width}; expected at least {SMALLEST} x {SMALLEST} to see its noise")
    seen = np.isfinite(planes).all(0)
    if mask is not None:
        seen &= np.asarray(check_mask(mask, height, width))[0]
    planes = np.where(seen, planes, 0)
    good = seen & ~np.any([_clipped(plane, seen) for plane in planes], axis=0)
    means, variances = _blocks(planes, good)
    if means.size == 0:
        raise ValueError(f"image has no block of {BLOCK} x {BLOCK} pixels that are all valid and not clipped")
    gain, offset = _line(means, variances)
    width = _correlation(planes, good, variances)
    if width > 0:
        fine, _ = passed(width)
        gain, offset = gain / fine, offset / fine
    intensity = uniform_filter(planes.mean(0), SMOOTHING, mode="reflect")
    intensity = np.clip(intensity, 0, np.inf if gain >= 0 else max(float(means.max()), 0))
    sigma_map = np.sqrt(np.maximum(gain * intensity + offset, 0)).astype(np.float32)
    return NoiseEstimate(gain, float(np.sqrt(offset)), width, means.size, sigma_map)


def _correlation(planes: np.ndarray, good: np.ndarray, variances: np.ndarray) -> float:
    """The width of noise that leaves so much more at half the resolution than white noise, which leaves a quarter."""
    small, small_good = (_halved(part.astype(np.float64)) for part in (planes, good))
    _, coarse = _blocks(small, small_good == 1)
    if coarse.size < FEWEST or _lower(variances) <= 0:
        return 0.0
    ratio = 4 * _lower(coarse) / _lower(variances)
    widths = np.linspace(0, WIDEST, 121)[1:]
    ratios = np.array([4 * coarse / fine for fine, coarse in map(passed, widths)])
    return float(np.interp(ratio, ratios, widths)) if ratio > TEXTURE else 0.0


def passed(width: float) -> tuple[float, float]:
    """The share of its variance that noise of a correlation shows to the mask, at full and at half resolution."""
    at = np.arange(6)
    alike = np.exp(-np.square(at[:, None] - at) / (4 * width**2))
    half = np.repeat(DETAIL, 2) / 2
    return float((DETAIL @ alike[:3, :3] @ DETAIL) ** 2), float((half @ alike @ half) ** 2)


def _clipped(plane: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Pixels at an end of the range where too many are alike."""
    values, cut = plane[seen], np.zeros(plane.shape, bool)
    if values.size and values.min() < values.max():
        for end in (values.min(), values.max()):
            if np.mean(values == end) > CLIPPED:
                cut |= plane == end
    return cut


def _blocks(planes: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean intensity and variance of the noise of every block of all channels whose pixels are all good."""
    detail = correlate1d(correlate1d(planes, DETAIL, axis=1), DETAIL, axis=2)[:, 1:-1, 1:-1]
    rows, columns = detail.shape[1] // BLOCK, detail.shape[2] // BLOCK
    whole = np.s_[..., : rows * BLOCK, : columns * BLOCK]
    around = uniform_filter(good.astype(np.float32), 3)[1:-1, 1:-1] > 0.999
    shape = (-1, rows, BLOCK, columns, BLOCK)
    usable = around[whole].reshape(shape).all((0, 2, 4))
    means = planes[:, 1:-1, 1:-1][whole].reshape(shape).mean((2, 4))[:, usable]
    variances = np.square(detail[whole]).reshape(shape).mean((2, 4))[:, usable]
    return means.ravel(), variances.ravel()


def _lower(variances: np.ndarray) -> float:
    """The variance of noise whose blocks have this lower decile."""
    return float(np.quantile(variances, QUANTILE) / AT_QUANTILE)


def _line(means: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the noise's variance over intensity: at least 0 in the dark and at the brightest block."""
    bins = int(np.clip(means.size // FEWEST, 1, BINS))
    parts = np.array_split(np.argsort(means), bins)
    top = max(float(means.max()), 1e-12)
    x = np.maximum([means[part].mean() for part in parts], 0) / top
    y = np.maximum([_lower(variances[part]) for part in parts], 0)
    weight = np.ones(bins)
    fitted = np.full(bins, np.median(y))
    dark = bright = 0.0
    for _ in range(ROUNDS):
        scale = weight / np.maximum(fitted, 1e-12)
        (dark, bright), _ = nnls(np.stack([1 - x, x], 1) * scale[:, None], y * scale)
        fitted = dark + (bright - dark) * x
        excess = (y - fitted) / np.maximum(fitted, 1e-12)
        spread = max(float(np.median(np.abs(excess))), 0.02)
        weight = 1 / np.sqrt(1 + np.square(excess / (2 * spread)))
    return float(bright - dark) / top, float(dark)


def _halved(planes: np.ndarray) -> np.ndarray:
    height, width = planes.shape[-2] // 2, planes.shape[-1] // 2
    four = planes[..., : 2 * height, : 2 * width].reshape(*planes.shape[:-2], height, 2, width, 2)
    return np.asarray(four.mean((-3, -1)))
