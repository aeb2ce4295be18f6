"""What the verbs do with their arguments before anything else."""

from typing import Any

import numpy as np

from pkn.filters import IsotropicGaussian

FILL_RADIUS = 8


def fill_gaps(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What the network sees where pixels are invalid: a blur of their surroundings, or the mean where that is empty."""
    image = np.moveaxis(planes[0], 0, -1)
    around = IsotropicGaussian(radius=FILL_RADIUS)(image, sigma=FILL_RADIUS / 2, channel_axis=-1, mask=valid[0])
    mean = image[valid[0]].mean(0)
    filled = np.where(valid[0][..., None], image, np.where(np.isnan(around), mean, around))
    return np.ascontiguousarray(np.moveaxis(filled, -1, 0)[None], np.float32)


def check_strength(strength: Any, size: tuple[int, ...] = ()) -> Any:
    """float32 of shape () or the image's (H, W)."""
    power = np.asarray(strength)
    if power.dtype.kind not in "fiu":
        raise TypeError(f"strength has dtype {power.dtype}; expected a number or an array of numbers")
    if power.shape not in ((), size):
        raise ValueError(f"strength has shape {power.shape}; expected a number or the image's {size}")
    if not (power.min() >= 0 and np.isfinite(power).all()):
        came = f"{power}" if power.ndim == 0 else f"an array from {power.min()} to {power.max()}"
        raise ValueError(f"strength is {came}; expected numbers of at least 0")
    return power.astype(np.float32)


def check_sigma(sigma: Any, size: tuple[int, ...] = ()) -> np.ndarray | None:
    """None, or float32 of shape (1,) or (1, 1, H, W)."""
    if sigma is None:
        return None
    level = np.asarray(sigma)
    if level.dtype.kind not in "fiu" or level.shape not in ((), size):
        came = f"{level.dtype} of shape {level.shape}" if level.ndim else repr(sigma)
        raise ValueError(
            f"sigma is {came}; expected None, a noise level, or one for each pixel {size}, in image values"
        )
    if not (level.min() >= 0 and np.isfinite(level).all()):
        came = f"{level.min():g} to {level.max():g}" if level.ndim else f"{level:g}"
        raise ValueError(f"sigma is {came}; expected noise levels of at least 0 in image values")
    return level.astype(np.float32).reshape((1, 1, *size) if level.ndim else (1,))
