"""The library's own estimate of the level of white noise."""

import numpy as np

SAMPLES = 1 << 18  # a median of so many residuals is good to 0.3 %, and large images cost no more


def estimate_sigma(image: np.ndarray) -> np.ndarray:
    """Standard deviation of white Gaussian noise in image (N, C, H, W): an array (N,), in image values.

    The residual of a 3 x 3 mask that is blind to planes and edges along the axes (Immerkaer, "Fast noise variance
    estimation", 1996), by its median absolute value, which is robust to the texture that remains.
    """
    step = max(1, round((image.shape[-1] * image.shape[-2] / SAMPLES) ** 0.5))
    height, width = image.shape[-2:]
    padded = np.pad(image, [(0, 0), (0, 0), (1, 1), (1, 1)], mode="edge")
    above, here, below = (padded[..., at : at + height : step, :] for at in range(3))
    rows = above - 2 * here + below
    left, here, right = (rows[..., at : at + width : step] for at in range(3))
    deviation = np.median(np.abs(left - 2 * here + right).reshape(len(image), -1), axis=1) / 0.6745
    return np.asarray(deviation / 6, image.dtype)  # 6 is the mask's norm, what noise of deviation 1 leaves
