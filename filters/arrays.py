"""The door: what comes in from users becomes planar float arrays, or one error that names it. Kernels trust."""

from typing import Any

import numpy as np

from pkn.filters.engine.threads import run_strips

STRIP = 1 << 17
FULL_RANGE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
FLOATS = tuple(np.dtype(kind) for kind in (np.float16, np.float32, np.float64))


def check_image(image: Any, channel_axis: int | None) -> np.ndarray:
    """The image as an array, if it can be filtered."""
    image = np.asarray(image)
    if image.dtype not in FULL_RANGE and image.dtype not in FLOATS:
        raise TypeError(f"image has dtype {image.dtype}; expected uint8, uint16, float16, float32 or float64")
    if channel_axis is None and image.ndim != 2:
        hint = (
            " (for colour give channel_axis=-1, for stacks pkn.denoise takes stack_axes=0)" if image.ndim == 3 else ""
        )
        raise ValueError(f"image has shape {image.shape}; expected (H, W) when channel_axis is None{hint}")
    if channel_axis is not None:
        if image.ndim != 3:
            raise ValueError(f"image has shape {image.shape}; expected 3 dimensions with channel_axis={channel_axis}")
        if not isinstance(channel_axis, int | np.integer) or not -3 <= channel_axis < 3:
            raise ValueError(f"channel_axis is {channel_axis!r}; expected an axis of an image of shape {image.shape}")
    if image.size == 0:
        raise ValueError(f"image has shape {image.shape}; expected at least one pixel")
    if image.dtype in FLOATS and not np.isfinite(image.flat[0]) and not np.isfinite(image).any():
        raise ValueError("image has no finite value; expected at least one")
    return image


def planar(image: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """The image seen as (C, H, W), nothing copied."""
    return image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)


def to_floats(planes: np.ndarray) -> np.ndarray:
    """Contiguous, in float64 if the planes are, else float32; integers as fractions of their full range."""
    dtype = np.dtype(np.float64 if planes.dtype == np.float64 else np.float32)
    if planes.dtype in FULL_RANGE:
        return np.multiply(planes, dtype.type(1 / FULL_RANGE[planes.dtype]), dtype=dtype, order="C")
    return np.ascontiguousarray(planes, dtype)


def to_planes(image: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """(1, C, H, W) as floats: see :func:`to_floats`."""
    return to_floats(planar(image, channel_axis))[None]


def from_planes(planes: np.ndarray, channel_axis: int | None, dtype: Any, source: np.dtype[Any]) -> np.ndarray:
    """The way back: ``dtype`` None keeps the float type, "same" is the source's; integers are rounded and clipped."""
    image = planes[0, 0] if channel_axis is None else np.moveaxis(planes[0], 0, channel_axis)
    return rounded(image, target_dtype(dtype, source))


def target_dtype(dtype: Any, source: np.dtype[Any]) -> np.dtype[Any]:
    """What a result's ``dtype`` means for an image of dtype ``source``."""
    if dtype is None:
        return np.dtype(np.float64 if source == np.float64 else np.float32)
    return source if isinstance(dtype, str) and dtype == "same" else np.dtype(dtype)


def rounded(values: np.ndarray, target: np.dtype[Any]) -> np.ndarray:
    """Floats as ``target``: for integers of [0, 1], clipped, in steps of the full range."""
    if target in FULL_RANGE:
        return np.rint(np.clip(np.nan_to_num(values), 0, 1) * FULL_RANGE[target]).astype(target)
    return values.astype(target, copy=False)


def all_finite(image: np.ndarray) -> bool:
    """Whether no value is NaN or infinite; by parts, so that large images cost no memory."""
    if image.dtype in FULL_RANGE:
        return True
    rows = max(1, STRIP * len(image) // image.size)
    return all(np.isfinite(image[start : start + rows]).all() for start in range(0, len(image), rows))


def extremes(values: np.ndarray) -> tuple[float, float]:
    """Least and largest value, NaN if there is one; by strips that stay in the cache, on all threads."""
    if values.ndim < 2 or values.size < STRIP:
        return values.min(), values.max()
    found = []

    def task(_: int, start: int, stop: int) -> None:
        found.append((values[start:stop].min(), values[start:stop].max()))

    run_strips(task, 1, len(values), max(1, STRIP * len(values) // values.size))
    least, most = np.transpose(found)
    return least.min(), most.max()


def check_dtype(dtype: Any) -> None:
    """Refuse an output dtype early, before the work."""
    try:
        known = dtype is None or dtype == "same" or np.dtype(dtype) in (*FULL_RANGE, *FLOATS)
    except TypeError:
        known = False
    if not known:
        raise ValueError(f'dtype is {dtype!r}; expected None, "same", uint8, uint16, float16, float32 or float64')


def check_mask(mask: Any, height: int, width: int) -> np.ndarray | None:
    """(1, H, W) bool, or None."""
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask has dtype {mask.dtype}; expected bool (True where a pixel counts)")
    if mask.shape != (height, width):
        raise ValueError(f"mask has shape {mask.shape}; expected the image's {(height, width)}")
    if not mask.any():
        raise ValueError("mask is False everywhere; expected at least one pixel that counts")
    return np.ascontiguousarray(mask)[None]
