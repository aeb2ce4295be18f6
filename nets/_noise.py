"""The library's own estimate of the level of white noise."""

import numpy as np

from pkn.filters._door import to_floats

SAMPLES = 1 << 18  # a median of so many residuals is good to 0.3 %, and large images cost no more
ROWS = 64  # that are looked at together


def estimate_sigma(image: np.ndarray) -> np.ndarray:
    """Standard deviation of white Gaussian noise in image (N, C, H, W): an array (N,), in image values.

    The residual of a 3 x 3 mask that is blind to planes and edges along the axes (Immerkaer, "Fast noise variance
    estimation", 1996), by its median absolute value, which is robust to the texture that remains. Integers are read as
    fractions of their full range; a large image isn't copied.
    """
    height, width = image.shape[-2:]
    step = max(1, round((height * width / SAMPLES) ** 0.5))
    at = np.arange(0, height, step)
    parts = [
        _residuals(image, at[first : first + ROWS], np.arange(0, width, step)) for first in range(0, at.size, ROWS)
    ]
    residuals = np.concatenate(parts, axis=-2)
    deviation = np.median(np.abs(residuals).reshape(len(image), -1), axis=1) / 0.6745
    return np.asarray(deviation / 6, residuals.dtype)  # 6 is the mask's norm, what noise of deviation 1 leaves


def _residuals(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What the mask leaves at some rows and columns; the edge is repeated."""
    above, here, below = (to_floats(image[..., np.clip(rows + k, 0, image.shape[-2] - 1), :]) for k in (-1, 0, 1))
    lines = above - 2 * here + below
    left, here, right = (lines[..., np.clip(columns + k, 0, image.shape[-1] - 1)] for k in (-1, 0, 1))
    return np.asarray(left - 2 * here + right)
