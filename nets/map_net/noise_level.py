"""Noise levels: what networks are told, and the estimate for white Gaussian noise."""

import math
from typing import NamedTuple

import numpy as np

from pkn.filters import Filter, LumaChromaPyramid
from pkn.filters.arrays import to_floats
from pkn.filters.engine.memory import empty
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.engine.quantiles import median
from pkn.filters.engine.threads import run_strips
from pkn.filters.pyramid import MOST_LEVELS
from pkn.nets.map_net.architecture import SIGMA_FLOOR, Architecture
from pkn.nets.map_net.conv_kernels import look_up

SAMPLES = 1 << 18  # the median of so many residuals has an error of 0.3 %; large images cost no more
ROWS = 256  # processed together


class NoiseCurve(NamedTuple):
    """Standard deviations of noise over intensity, on the levels of a pyramid.

    Parameters
    ----------
    intensity : array of shape (K,)
        Increasing intensities, of a grey image or of luma.
    sigma : array of shape (levels, parts, K)
        There, in image values: of a grey image, or of luma and of chroma's planes (see
        :class:`pkn.filters.LumaChromaPyramid`). Halving white noise halves it from level to level.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.nets import NoiseCurve
    >>> NoiseCurve.white(0.1).sigma[:3, 0, 0].tolist()
    [0.1, 0.05, 0.025]
    """

    intensity: np.ndarray
    sigma: np.ndarray

    @classmethod
    def white(cls, sigma: float, rgb: bool = False) -> "NoiseCurve":
        """White noise of a standard deviation, of a grey image or of each channel of an RGB image."""
        return cls(np.zeros(1), sigma * _white_factors(rgb)[..., None])

    def at(self, architecture: Architecture, level: int, luma: np.ndarray) -> np.ndarray:
        """Standard deviations of a level's inputs, (inputs, H / down, W / down) for its ``luma`` (H, W).

        (inputs, 1, 1) if they don't depend on intensity.
        """
        sigma = [self.sigma[level + lag, part] for part, (_, lag, _) in enumerate(architecture.folds)]
        if self.intensity.size == 1:
            return np.array(sigma, np.float32)[..., None]
        means = block_means(luma, architecture.down)
        out = empty((len(sigma), *means.shape), np.float32)
        table = np.ascontiguousarray(self.intensity, np.float64), np.array(sigma, np.float64)
        run_strips(lambda n, start, stop: look_up(means, *table, start, stop, out), 1, len(means), ROWS)
        return out


class NoiseMap(NamedTuple):
    """White noise with a standard deviation at each pixel.

    Parameters
    ----------
    sigma : array of shape (H, W)
        Of a grey image, or of each channel of an RGB image.
    rgb : bool

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.nets import NoiseMap
    >>> NoiseMap(np.full((4, 6), 0.1), rgb=False).sigma.shape
    (4, 6)
    """

    sigma: np.ndarray
    rgb: bool

    def at(self, architecture: Architecture, level: int, luma: np.ndarray) -> np.ndarray:
        """As for :class:`NoiseCurve`."""
        factors = _white_factors(self.rgb)
        blocks = block_means(self.sigma, architecture.down * 2**level)
        inputs = enumerate(architecture.folds)
        return np.stack([factors[level + lag, part] * blocks for part, (_, lag, _) in inputs]).astype(np.float32)


class ScaledCurve(NamedTuple):
    """Noise as a curve has it, times a factor at each pixel: of an average of several frames.

    Parameters
    ----------
    curve : NoiseCurve
    factor : array of shape (H, W)

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.nets import NoiseCurve
    >>> from pkn.nets.map_net.noise_level import ScaledCurve
    >>> ScaledCurve(NoiseCurve.white(0.1), np.full((4, 6), 0.5)).factor.shape
    (4, 6)
    """

    curve: NoiseCurve
    factor: np.ndarray

    def at(self, architecture: Architecture, level: int, luma: np.ndarray) -> np.ndarray:
        """As for :class:`NoiseCurve`."""
        factors = block_means(self.factor, architecture.down * 2**level)
        return np.asarray(self.curve.at(architecture, level, luma) * factors)


BY_LEVEL = (NoiseCurve, NoiseMap, ScaledCurve)  # what networks are told if not one level, or one for each pixel


def _white_factors(rgb: bool) -> np.ndarray:
    """Standard deviations of white noise of 1 on the levels of a pyramid, (levels, parts)."""
    halved = 0.5 ** np.arange(MOST_LEVELS + 1)
    return np.stack([halved, halved], 1) / math.sqrt(3) if rgb else halved[:, None]


def white_noise(flt: Filter, sigma: np.ndarray) -> NoiseCurve | NoiseMap:
    """White noise of a standard deviation: a number, or at each pixel, of any shape whose only sizes are (H, W)."""
    rgb = isinstance(flt, LumaChromaPyramid)
    return NoiseCurve.white(float(np.squeeze(sigma)), rgb) if np.size(sigma) == 1 else NoiseMap(np.squeeze(sigma), rgb)


def floors(architecture: Architecture, level: int) -> np.ndarray:
    """What is added to a level's noise levels, (inputs, 1, 1), so that the inputs' scale has a lower bound."""
    rgb = isinstance(architecture.filter, LumaChromaPyramid)
    return NoiseCurve.white(SIGMA_FLOOR, rgb).at(architecture, level, np.zeros((1, 1)))


def block_means(plane: np.ndarray, side: int) -> np.ndarray:
    """Means of ``side`` x ``side`` pixels, a power of 2, the edge repeated; a single value stays."""
    while plane.size > 1 and side > 1:
        plane, side = halve(plane), side // 2
    return plane


def estimate_sigma(image: np.ndarray) -> np.ndarray:
    """Estimate the standard deviation of white Gaussian noise.

    The image is convolved with a 3 x 3 mask that suppresses planes and edges along the axes (Immerkaer, "Fast noise
    variance estimation", 1996). The estimate is the median absolute value of the result, scaled for Gaussian noise: it
    is robust to the texture that remains. Of a large image only some rows are used.

    Parameters
    ----------
    image : array of shape (N, C, H, W)
        Integers are read as fractions of their full range.

    Returns
    -------
    array of shape (N,)
        In image values.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.nets import estimate_sigma
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (1, 1, 64, 64))
    >>> estimate_sigma(noisy).round(2).tolist()
    [0.1]
    """
    size = image.shape[-2:]
    rows = sampled_rows(size)
    return sigma_of_rows(image if rows.size == size[0] else image[..., rows, :], size)


def sampled_rows(size: tuple[int, ...]) -> np.ndarray:
    """Return the rows of an image of ``size`` that the estimate uses: every n-th row and its neighbours."""
    rows = np.arange(0, size[0], _step(size))
    return np.unique(np.clip(rows[:, None] + np.arange(-1, 2), 0, size[0] - 1))


def sigma_of_rows(rows: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Estimate the noise level (N,) of an image of ``size`` from its sampled rows, (N, C, rows, W)."""
    known, step = sampled_rows(size), _step(size)
    at = np.arange(0, size[0], step)
    parts = [_residuals(rows, known, at[first : first + ROWS], step) for first in range(0, at.size, ROWS)]
    residuals = np.concatenate(parts, axis=-2)
    deviation = np.array([median(np.abs(image).ravel()) for image in residuals], residuals.dtype) / 0.6745
    return np.asarray(
        deviation / 6, residuals.dtype
    )  # 6 is the norm of the mask: the standard deviation of the result for noise of 1


def _step(size: tuple[int, ...]) -> int:
    return max(1, round(math.sqrt(size[0] * size[1] / SAMPLES)))


def _residuals(rows: np.ndarray, known: np.ndarray, at: np.ndarray, step: int) -> np.ndarray:
    """Convolve with the mask at the rows ``at`` and every ``step``-th column; the edge is repeated."""
    places = (np.searchsorted(known, np.clip(at + k, 0, known[-1])) for k in (-1, 0, 1))
    above, here, below = (to_floats(rows[..., place, :]) for place in places)
    lines = above - 2 * here + below
    columns = np.arange(0, rows.shape[-1], step)
    left, here, right = (lines[..., np.clip(columns + k, 0, rows.shape[-1] - 1)] for k in (-1, 0, 1))
    return np.asarray(left - 2 * here + right)
