"""The library's own estimate of the level of white noise."""

import math

import numpy as np

from pkn.filters.arrays import to_floats

SAMPLES = 1 << 18  # a median of so many residuals is good to 0.3 %, and large images cost no more
SAMPLE = 4096  # of them, to find the median's neighbourhood
ROWS = 64  # that are looked at together


def estimate_sigma(image: np.ndarray) -> np.ndarray:
    """Standard deviation of white Gaussian noise in image (N, C, H, W): an array (N,), in image values.

    The residual of a 3 x 3 mask that is blind to planes and edges along the axes (Immerkaer, "Fast noise variance
    estimation", 1996), by its median absolute value, which is robust to the texture that remains. Integers are read as
    fractions of their full range; of a large image only some rows are looked at.
    """
    size = image.shape[-2:]
    rows = sampled_rows(size)
    return sigma_of_rows(image if rows.size == size[0] else image[..., rows, :], size)


def sampled_rows(size: tuple[int, ...]) -> np.ndarray:
    """The rows of an image of ``size`` that an estimate looks at: some, and their neighbours."""
    rows = np.arange(0, size[0], _step(size))
    return np.unique(np.clip(rows[:, None] + np.arange(-1, 2), 0, size[0] - 1))


def sigma_of_rows(rows: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The estimate for an image of ``size`` from its sampled rows, (N, C, rows, W)."""
    known, step = sampled_rows(size), _step(size)
    at = np.arange(0, size[0], step)
    parts = [_residuals(rows, known, at[first : first + ROWS], step) for first in range(0, at.size, ROWS)]
    residuals = np.concatenate(parts, axis=-2)
    deviation = np.array([_median(np.abs(image).ravel()) for image in residuals], residuals.dtype) / 0.6745
    return np.asarray(deviation / 6, residuals.dtype)  # 6 is the mask's norm, what noise of deviation 1 leaves


def _median(values: np.ndarray) -> float:
    """``np.median`` of finite values, to the bit, three times as fast: it sorts only around a sample's median."""
    sample = np.sort(values[:: max(1, values.size // SAMPLE)])
    low, high = (sample[int(part * (sample.size - 1))] for part in (0.45, 0.55))
    near = values[(values >= low) & (values <= high)]
    before = np.count_nonzero(values < low)
    first, second = ((values.size - k) // 2 - before for k in (1, 0))  # the middle one, or two
    if not 0 <= first <= second < near.size:
        return float(np.median(values))
    near.partition((first, second))
    return float(np.mean(near[[first, second]]))


def _step(size: tuple[int, ...]) -> int:
    return max(1, round(math.sqrt(size[0] * size[1] / SAMPLES)))


def _residuals(rows: np.ndarray, known: np.ndarray, at: np.ndarray, step: int) -> np.ndarray:
    """What the mask leaves around the rows ``at`` and every ``step``-th column; the edge is repeated."""
    places = (np.searchsorted(known, np.clip(at + k, 0, known[-1])) for k in (-1, 0, 1))
    above, here, below = (to_floats(rows[..., place, :]) for place in places)
    lines = above - 2 * here + below
    columns = np.arange(0, rows.shape[-1], step)
    left, here, right = (lines[..., np.clip(columns + k, 0, rows.shape[-1] - 1)] for k in (-1, 0, 1))
    return np.asarray(left - 2 * here + right)
