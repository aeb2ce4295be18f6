"""Estimation of a camera's noise, its gain and its read noise, from a single image.

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
from pkn.degradations.operations import halve
from pkn.filters.arrays import check_image, check_mask, to_planes

BLOCK = 8  # pixels
SMALLEST = 2 * BLOCK + 2  # side of an image in pixels, for some blocks and a margin of 1 pixel
QUANTILE = 0.1  # of the blocks of similar intensity: the smoothest have noise only, the others also texture
QUANTILE_OF_MEAN = 0.627  # the quantile of blocks of white noise over their mean, measured on 65,000 blocks
DETAIL = np.array([1, -2, 1]) / np.sqrt(6)  # keeps the variance of white noise; along both axes it is Immerkaer's mask
BINS, MIN_BLOCKS = 24, 40  # of intensity at most, and blocks in each at least
ROUNDS = 12  # of reweighted least squares
TEXTURE = 1.6  # factor of white noise's variance at half the resolution; photographs reach it by texture alone
WIDEST = 1.5  # px, width of a correlation
CLIPPED = 0.001  # if more than this fraction of pixels has the smallest or largest value, it is taken for clipped


@dataclass(frozen=True)
class NoiseEstimate:
    """The noise of an image.

    Parameters
    ----------
    gain : float
        Variance per intensity. Below 0 if noise decreases with intensity, as after a camera's gamma correction.
    read_noise : float
        Standard deviation in the dark, in image values.
    correlation : float
        Width (standard deviation in pixels) of a Gaussian that would make white noise as spatially correlated as this
        noise is, by demosaicing or JPEG for example. 0 for white noise. ``gain`` and ``read_noise`` take it into
        account.
    blocks : int
        Number of blocks of 8 x 8 pixels that the values are fitted to.
    sigma_map : array of shape (H, W)
        Standard deviation at each pixel: sqrt(gain x + read_noise^2), x the mean of 5 x 5 pixels and all channels
        (if the gain is below 0, at most that of the image's brightest blocks, beyond which the variance might be
        negative).
    """

    gain: float
    read_noise: float
    correlation: float
    blocks: int
    sigma_map: np.ndarray = field(repr=False)

    def at(self, intensity: float) -> float:
        """Standard deviation of the noise at a clean intensity, both in image values."""
        return float(np.sqrt(max(0.0, self.gain * max(intensity, 0) + self.read_noise**2)))


def estimate_noise(image: Any, *, channel_axis: int | None = None, mask: Any = None) -> NoiseEstimate:
    """Estimate signal-dependent noise from a single image.

    The variance of second differences (Immerkaer's mask) is computed in blocks of 8 x 8 pixels. Blocks are sorted into
    bins of intensity; a bin's noise variance is the lower decile of its blocks, divided by that of white noise of
    variance 1, since texture only ever adds to the variance. Through these points goes the line of
    :class:`NoiseEstimate`, at least 0 in the dark and at the brightest block, fitted by iteratively reweighted least
    squares of relative errors with Cauchy weights. The model is that of Foi et al. 2008.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        uint8 and uint16 are read as fractions of their full range, floats as they are. At least 18 pixels a side.
        Blocks with clipped pixels are ignored.
    channel_axis : int, optional
        Axis of the channels, which are assumed to have the same noise.
    mask : bool array of shape (H, W), optional
        Pixels that are False are ignored.

    Returns
    -------
    NoiseEstimate

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> clean = np.linspace(0.1, 0.9, 200) * np.ones((200, 1))
    >>> sigma = np.sqrt(0.01 * clean + 0.02**2)
    >>> noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    >>> noise = pkn.estimate_noise(noisy)
    >>> round(noise.at(0.5), 2), noise.correlation, noise.sigma_map.shape
    (0.07, 0.0, (200, 200))
    """
    planes = to_planes(check_image(image, channel_axis), channel_axis)[0]
    height, width = planes.shape[1:]
    if min(height, width) < SMALLEST:
        raise ValueError(f"image is {height} x {width}; expected at least {SMALLEST} x {SMALLEST} pixels")
    valid = np.isfinite(planes).all(0)
    if mask is not None:
        valid &= np.asarray(check_mask(mask, height, width))[0]
    planes = np.where(valid, planes, 0)
    usable = valid & ~np.any([_clipped(plane, valid) for plane in planes], axis=0)
    means, variances = _block_statistics(planes, usable)
    if means.size == 0:
        expected = f"one of {BLOCK} x {BLOCK} pixels that are all valid and not clipped"
        raise ValueError(f"image has no block of valid pixels; expected {expected}")
    gain, offset = _fit_line(means, variances)
    width = _correlation(planes, usable, variances)
    if width > 0:
        full_resolution, _ = mask_gains(width)
        gain, offset = gain / full_resolution, offset / full_resolution
    intensity = uniform_filter(planes.mean(0), SMOOTHING, mode="reflect")
    intensity = np.clip(intensity, 0, np.inf if gain >= 0 else max(float(means.max()), 0))
    sigma_map = np.sqrt(np.maximum(gain * intensity + offset, 0)).astype(np.float32)
    return NoiseEstimate(gain, float(np.sqrt(offset)), width, means.size, sigma_map)


def _correlation(planes: np.ndarray, usable: np.ndarray, variances: np.ndarray) -> float:
    """Width of the correlation, from the variance at half the resolution, which is a quarter for white noise."""
    small, usable_fraction = (halve(array.astype(np.float64)) for array in (planes, usable))
    _, half_variances = _block_statistics(small, usable_fraction == 1)
    if half_variances.size < MIN_BLOCKS or _noise_variance(variances) <= 0:
        return 0.0
    ratio = 4 * _noise_variance(half_variances) / _noise_variance(variances)
    widths = np.linspace(0, WIDEST, 121)[1:]
    ratios = np.array([4 * half / full for full, half in map(mask_gains, widths)])
    return float(np.interp(ratio, ratios, widths)) if ratio > TEXTURE else 0.0


def mask_gains(width: float) -> tuple[float, float]:
    """Factors by which Immerkaer's mask multiplies the variance of correlated noise, at full and half resolution."""
    position = np.arange(6)
    autocorrelation = np.exp(-np.square(position[:, None] - position) / (4 * width**2))
    half = np.repeat(DETAIL, 2) / 2
    return float((DETAIL @ autocorrelation[:3, :3] @ DETAIL) ** 2), float((half @ autocorrelation @ half) ** 2)


def _clipped(plane: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mask of the pixels that have the smallest or largest value, if suspiciously many do."""
    values, clipped = plane[valid], np.zeros(plane.shape, bool)
    if values.size and values.min() < values.max():
        for extreme in (values.min(), values.max()):
            if np.mean(values == extreme) > CLIPPED:
                clipped |= plane == extreme
    return clipped


def _block_statistics(planes: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean intensity and variance of the noise for each block, in all channels, whose pixels are all usable."""
    detail = correlate1d(correlate1d(planes, DETAIL, axis=1), DETAIL, axis=2)[:, 1:-1, 1:-1]
    rows, columns = detail.shape[1] // BLOCK, detail.shape[2] // BLOCK
    covered = np.s_[..., : rows * BLOCK, : columns * BLOCK]
    neighbourhood = uniform_filter(usable.astype(np.float32), 3)[1:-1, 1:-1] > 0.999
    shape = (-1, rows, BLOCK, columns, BLOCK)
    usable_blocks = neighbourhood[covered].reshape(shape).all((0, 2, 4))
    means = planes[:, 1:-1, 1:-1][covered].reshape(shape).mean((2, 4))[:, usable_blocks]
    variances = np.square(detail[covered]).reshape(shape).mean((2, 4))[:, usable_blocks]
    return means.ravel(), variances.ravel()


def _noise_variance(variances: np.ndarray) -> float:
    """Variance of the noise, from the lower decile of the blocks' variances."""
    return float(np.quantile(variances, QUANTILE) / QUANTILE_OF_MEAN)


def _fit_line(means: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the noise's variance over intensity, at least 0 in the dark and at the brightest block."""
    bins = int(np.clip(means.size // MIN_BLOCKS, 1, BINS))
    members = np.array_split(np.argsort(means), bins)
    brightest = max(float(means.max()), 1e-12)
    x = np.maximum([means[indices].mean() for indices in members], 0) / brightest
    y = np.maximum([_noise_variance(variances[indices]) for indices in members], 0)
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
    return float(bright - dark) / brightest, float(dark)
