"""Stacks of images, NumPy's or Dask's: every plane is denoised by itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pkn.filters.arrays import target_dtype


def is_dask(image: Any) -> bool:
    """Whether ``image`` is a Dask array; asked without loading Dask."""
    return type(image).__module__.startswith("dask.array")


def order_of(ndim: int, channel_axis: int | None, stack_axes: int | Sequence[int]) -> list[int]:
    """The axes of an image in the order stack ..., channel (if any), rows, columns.

    Raises
    ------
    ValueError
        If two axes aren't left for rows and columns.
    """
    stack = [stack_axes] if isinstance(stack_axes, int | np.integer) else list(stack_axes)
    channel = [] if channel_axis is None else [channel_axis]
    if not all(isinstance(axis, int | np.integer) and -ndim <= axis < ndim for axis in [*stack, *channel]):
        raise ValueError(f"stack_axes is {stack_axes!r}; expected axes of an array of {ndim} dimensions")
    first = [int(axis) % ndim for axis in [*stack, *channel]]
    rest = [axis for axis in range(ndim) if axis not in first]
    if len(rest) != 2 or len(set(first)) != len(first):
        raise ValueError(
            f"image has {ndim} dimensions with channel_axis={channel_axis} and stack_axes={stack_axes!r}; expected two "
            "others, rows and columns (windows that extend through a stack aren't offered)"
        )
    return [*first, *rest]


def denoise_stack(image: np.ndarray, order: list[int], colour: bool, dtype: Any, denoise: Callable[..., Any]) -> Any:
    """``denoise(plane, channel_axis=...)`` for all planes of a NumPy array."""
    result = np.empty(image.shape, target_dtype(dtype, image.dtype))
    planes, targets = image.transpose(order), result.transpose(order)
    channel_axis = 0 if colour else None
    for index in np.ndindex(planes.shape[: -3 if colour else -2]):
        targets[index] = denoise(planes[index], channel_axis=channel_axis)
    return result


def denoise_dask(image: Any, order: list[int], colour: bool, dtype: Any, **settings: Any) -> Any:
    """The same, lazily, for a Dask array."""
    from pkn.restoration.dask_arrays import denoise_planes

    planes = image.transpose(order)
    planes = planes if colour else planes[..., None, :, :]
    result = denoise_planes(planes, dtype=dtype, **settings)
    return (result if colour else result[..., 0, :, :]).transpose(tuple(np.argsort(order)))
