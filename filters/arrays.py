"""Checks of arguments, and conversion of users' images to and from planar float arrays.

Every rejected input raises one error that names the argument, what came and what is expected. Kernels check nothing.
"""

from typing import Any

import numpy as np

from pkn.filters.engine.threads import run_strips

STRIP = 1 << 17
FULL_RANGE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
FLOATS = tuple(np.dtype(kind) for kind in (np.float16, np.float32, np.float64))
WIDE = tuple(np.dtype(kind) for kind in (np.float64, np.int32, np.uint32))  # float32 can't hold all of their values
COUNTS = tuple(np.dtype(kind) for kind in (np.bool_, np.int8, np.int16, np.int32, np.uint32))  # read as they are
_CONVERSIONS = {  # by the first name of a type's module
    "torch": " (image.detach().cpu().numpy()), or a module that takes tensors: pkn.nets.Denoiser",
    "cupy": " (cupy.asnumpy(image), and cupy.asarray of the result)",
}
DTYPES = ", ".join(str(dtype) for dtype in (*FULL_RANGE, *COUNTS, *FLOATS[:-1])) + f" or {FLOATS[-1]}"


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in this machine's byte order; files of instruments (FITS) have the other one."""
    return dtype.newbyteorder("=")


def as_array(image: Any) -> np.ndarray:
    """Return ``image`` as a NumPy array: itself, or what it gives NumPy (xarray, tensors in this machine's memory).

    Raises
    ------
    TypeError
        If it can't or won't be read (a tensor with gradients, an array on a GPU), or has values that are masked.
    """
    kind = type(image)
    hint = _CONVERSIONS.get(kind.__module__.split(".")[0], "")
    if isinstance(image, np.ma.MaskedArray) and np.ma.is_masked(image):
        raise TypeError("image is an array with masked values; expected image.data, and mask=~image.mask")
    try:
        return np.asarray(image)
    except (TypeError, RuntimeError) as error:
        raise TypeError(f"image is {kind.__name__}, which NumPy can't read: {error}; expected an array{hint}") from None


def check_image(image: Any, channel_axis: int | None) -> np.ndarray:
    """Return ``image`` as an array if it can be filtered.

    Parameters
    ----------
    image : array_like of shape (H, W), or three-dimensional with ``channel_axis``
        uint8, uint16, bool, int8, int16, int32, uint32, float16, float32 or float64, of either byte order, with at
        least one finite value.
    channel_axis : int or None

    Returns
    -------
    array

    Raises
    ------
    TypeError
        If it has another dtype.
    ValueError
        If the shape or ``channel_axis`` doesn't fit, or no value is finite.
    """
    image = as_array(image)
    check_image_dtype(image.dtype)
    if channel_axis is None and image.ndim != 2:
        hint = " (for colour give channel_axis=-1, for stacks pkn.denoise takes stack_axes=0)" if image.ndim > 2 else ""
        raise ValueError(f"image has shape {image.shape}; expected (H, W) when channel_axis is None{hint}")
    if channel_axis is not None:
        if image.ndim != 3:
            raise ValueError(f"image has shape {image.shape}; expected 3 dimensions with channel_axis={channel_axis}")
        if not isinstance(channel_axis, int | np.integer) or not -3 <= channel_axis < 3:
            raise ValueError(f"channel_axis is {channel_axis!r}; expected an axis of an image of shape {image.shape}")
    return _check_values(image)


def _check_values(image: np.ndarray) -> np.ndarray:
    if image.size == 0:
        raise ValueError(f"image has shape {image.shape}; expected at least one pixel")
    if image.dtype.kind == "f" and not np.isfinite(image.flat[0]) and not np.isfinite(image).any():
        raise ValueError("image has no finite value; expected at least one")
    return image


def check_image_dtype(dtype: np.dtype[Any]) -> None:
    """Raise TypeError unless images may have the dtype."""
    if native(dtype) not in (*FULL_RANGE, *COUNTS, *FLOATS):
        raise TypeError(f"image has dtype {dtype}; expected {DTYPES}")


def planar(image: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """Return a view of the image as (C, H, W)."""
    return image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)


def to_floats(planes: np.ndarray) -> np.ndarray:
    """Return contiguous planes, float64 if float32 can't hold their values, else float32.

    uint8 and uint16 become fractions of their full range; all other values stay as they are.
    """
    source = native(planes.dtype)
    dtype = np.dtype(np.float64 if source in WIDE else np.float32)
    if source in FULL_RANGE:
        return np.multiply(planes, dtype.type(1 / FULL_RANGE[source]), dtype=dtype, order="C")
    return np.ascontiguousarray(planes, dtype)


def check_stack(image: Any, channel_axis: int | None, depth_axis: int | None) -> np.ndarray:
    """As :func:`check_image`, for a stack of planes along ``depth_axis`` if that isn't None.

    Raises
    ------
    TypeError, ValueError
        As there, and if ``depth_axis`` is no other axis of the image.
    """
    if depth_axis is None:
        return check_image(image, channel_axis)
    image = as_array(image)
    check_image_dtype(image.dtype)
    given = {"depth_axis": depth_axis} | ({} if channel_axis is None else {"channel_axis": channel_axis})
    if image.ndim != 2 + len(given):
        raise ValueError(f"image has shape {image.shape}; expected {2 + len(given)} dimensions with {given}")
    for name, axis in given.items():
        if not isinstance(axis, int | np.integer) or not -image.ndim <= axis < image.ndim:
            raise ValueError(f"{name} is {axis!r}; expected an axis of an image of shape {image.shape}")
    if len({int(axis) % image.ndim for axis in given.values()}) < len(given):
        raise ValueError(f"depth_axis is {depth_axis} and channel_axis {channel_axis}; expected different axes")
    return _check_values(image)


def stack_order(ndim: int, channel_axis: int | None, depth_axis: int) -> list[int]:
    """The axes of a stack in the order (planes, channels, rows, columns); without channels there are three."""
    first = [depth_axis % ndim] + ([] if channel_axis is None else [channel_axis % ndim])
    return first + [axis for axis in range(ndim) if axis not in first]


def stack_to_planes(image: np.ndarray, channel_axis: int | None, depth_axis: int | None) -> np.ndarray:
    """Return an image or stack as a batch (planes, C, H, W) of floats; see :func:`to_floats`."""
    if depth_axis is None:
        return to_planes(image, channel_axis)
    planes = image.transpose(stack_order(image.ndim, channel_axis, depth_axis))
    return to_floats(planes[:, None] if channel_axis is None else planes)


def stack_from_planes(
    planes: np.ndarray, channel_axis: int | None, depth_axis: int | None, dtype: Any, source: np.dtype[Any]
) -> np.ndarray:
    """Invert :func:`stack_to_planes`, as :func:`from_planes` does for one image."""
    if depth_axis is None:
        return from_planes(planes, channel_axis, dtype, source)
    stack = planes[:, 0] if channel_axis is None else planes
    image = stack.transpose(np.argsort(stack_order(stack.ndim, channel_axis, depth_axis)))
    return rounded(image, target_dtype(dtype, source))


def to_planes(image: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """Return an image as a batch (1, C, H, W) of floats; see :func:`to_floats`."""
    return to_floats(planar(image, channel_axis))[None]


def from_planes(planes: np.ndarray, channel_axis: int | None, dtype: Any, source: np.dtype[Any]) -> np.ndarray:
    """Invert :func:`to_planes`: an image of the user's layout from (1, C, H, W).

    ``dtype`` None keeps the float type and "same" is ``source``, the dtype of the user's image. Integers are rounded
    and clipped.
    """
    image = planes[0, 0] if channel_axis is None else np.moveaxis(planes[0], 0, channel_axis)
    return rounded(image, target_dtype(dtype, source))


def target_dtype(dtype: Any, source: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the result for the argument ``dtype`` and an image of dtype ``source``."""
    if dtype is None:
        return np.dtype(np.float64 if native(source) in WIDE else np.float32)
    return source if isinstance(dtype, str) and dtype == "same" else np.dtype(dtype)


def rounded(values: np.ndarray, target: np.dtype[Any]) -> np.ndarray:
    """Return floats as ``target``: uint8 and uint16 from fractions of their range, other integers as they are.

    Integers are rounded and saturate; bool is True from 0.5 on.
    """
    kind = native(target)
    if kind in FULL_RANGE:
        return np.rint(np.clip(np.nan_to_num(values), 0, 1) * FULL_RANGE[kind]).astype(target)
    if kind.kind == "b":
        return np.asarray(np.nan_to_num(values) >= 0.5)
    if kind in COUNTS:
        limits = np.iinfo(kind)
        return np.clip(np.rint(np.nan_to_num(values).astype(np.float64)), limits.min, limits.max).astype(target)
    return values.astype(target, copy=False)


def all_finite(image: np.ndarray) -> bool:
    """Whether no value is NaN or infinite. Strips are tested one by one, so that large images cost no memory."""
    if image.dtype.kind != "f":
        return True
    good = []
    rows = image.transpose(np.argsort(image.strides)[::-1])  # as they lie in memory

    def task(_: int, start: int, stop: int) -> None:
        good.append(np.isfinite(rows[start:stop]).all())

    run_strips(task, 1, len(rows), max(1, STRIP * len(rows) // rows.size))
    return all(good)


def extremes(values: np.ndarray) -> tuple[float, float]:
    """Return the least and largest value, NaN if any is NaN; by strips that fit the cache, on all threads."""
    if values.ndim < 2 or values.size < STRIP:
        return values.min(), values.max()
    bounds = []

    def task(_: int, start: int, stop: int) -> None:
        bounds.append((values[start:stop].min(), values[start:stop].max()))

    run_strips(task, 1, len(values), max(1, STRIP * len(values) // values.size))
    least, most = np.transpose(bounds)
    return least.min(), most.max()


def check_dtype(dtype: Any) -> None:
    """Check the ``dtype`` of a result before anything is computed.

    Raises
    ------
    ValueError
        If it is not None, "same", or a dtype that images may have.
    """
    try:
        known = dtype is None or dtype == "same" or native(np.dtype(dtype)) in (*FULL_RANGE, *COUNTS, *FLOATS)
    except TypeError:
        known = False
    if not known:
        raise ValueError(f'dtype is {dtype!r}; expected None, "same", {DTYPES}')


def check_mask(mask: Any, height: int, width: int, depth: int | None = None) -> np.ndarray | None:
    """Return ``mask`` as a bool array (1, H, W), or None for None; for a stack of ``depth`` planes maybe (depth, H, W).

    Raises
    ------
    TypeError
        If its dtype is not bool.
    ValueError
        If its shape is not (height, width) nor that of the stack, or it is False everywhere.
    """
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"mask has dtype {mask.dtype}; expected bool (True where a pixel counts)")
    stack = (depth, height, width)
    if mask.shape != (height, width) and (depth is None or mask.shape != stack):
        expected = (height, width) if depth is None else f"{(height, width)} or {stack}"
        raise ValueError(f"mask has shape {mask.shape}; expected the image's {expected}")
    if not mask.any():
        raise ValueError("mask is False everywhere; expected at least one pixel that counts")
    return np.ascontiguousarray(mask).reshape(-1, height, width)


def check_position(position: tuple[int, ...], size: tuple[int, ...]) -> tuple[int, ...]:
    """Return a position inside an image or stack of ``size``, counted from 0; negative ones count from the end.

    Raises
    ------
    ValueError
        If it isn't inside.
    """
    if len(position) != len(size) or not all(-side <= at < side for at, side in zip(position, size, strict=True)):
        names, sides = ("(row, column)", "an image") if len(size) == 2 else ("(plane, row, column)", "a stack"), size
        raise ValueError(
            f"position is {position}; expected {names[0]} inside {names[1]} of {' x '.join(map(str, sides))}"
        )
    return tuple(int(at) % side for at, side in zip(position, size, strict=True))


def check_spacing(spacing: Any) -> tuple[float, float, float]:
    """Return ``spacing`` as three floats, the distances of planes, rows and columns.

    Raises
    ------
    ValueError
        If it isn't three finite numbers above 0.
    """
    try:
        z, y, x = (float(step) for step in spacing)
    except (TypeError, ValueError):
        z = y = x = -1.0
    if not all(0 < step < np.inf for step in (z, y, x)):
        raise ValueError(f"spacing is {spacing!r}; expected three numbers above 0, of planes, rows and columns")
    return z, y, x


def check_whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return ``value`` as an int if it is a whole number of at least ``least``; a bool is not a number.

    Raises
    ------
    ValueError
        Naming the argument ``name``, ``value`` and what is expected.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, {least} or more")
    return int(value)
