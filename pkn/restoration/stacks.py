"""Stacks of images, in memory or as Dask arrays: every image is denoised by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkn.filters.arrays import check_image_dtype
from pkn.restoration.arguments import is_map
from pkn.restoration.planes import filtering_net


def is_dask(image: Any) -> bool:
    """Whether ``image`` is a Dask array; asked without loading Dask."""
    return type(image).__module__.startswith("dask.array")


def axes_of(stack_axes: int | Sequence[int]) -> list[int]:
    """``stack_axes`` as a list."""
    return [stack_axes] if isinstance(stack_axes, int | np.integer) else list(stack_axes)


def order_of(ndim: int, channel_axis: int | None, stack_axes: int | Sequence[int]) -> list[int]:
    """The axes of an image in the order stack ..., channel (if any), rows, columns.

    Raises
    ------
    ValueError
        If two axes aren't left for rows and columns.
    """
    stack = axes_of(stack_axes)
    channel = [] if channel_axis is None else [channel_axis]
    if not all(isinstance(axis, int | np.integer) and -ndim <= axis < ndim for axis in [*stack, *channel]):
        raise ValueError(f"stack_axes is {stack_axes!r}; expected axes of an array of {ndim} dimensions")
    first = [int(axis) % ndim for axis in [*stack, *channel]]
    rest = [axis for axis in range(ndim) if axis not in first]
    if len(rest) != 2 or len(set(first)) != len(first):
        raise ValueError(
            f"image has {ndim} dimensions with channel_axis={channel_axis} and stack_axes={stack_axes!r}; expected two "
            "others, rows and columns (time_axis and depth_axis are for stacks whose images are denoised together)"
        )
    return [*first, *rest]


def denoise_dask(
    image: Any,
    net: Any,
    channel_axis: int | None,
    stack_axes: int | Sequence[int],
    series: Any = None,
    *,
    mask: Any,
    **settings: Any,
) -> Any:
    """Denoise a Dask array lazily, images by themselves or in series; arguments as in :func:`pkn.denoise`.

    Raises
    ------
    TypeError
        For masks and maps, which Dask arrays don't take.
    """
    from pkn.restoration.dask_arrays import denoise_chunks
    from pkn.restoration.dask_videos import denoise_frame_chunks
    from pkn.restoration.dask_volumes import denoise_deep_chunks

    if mask is not None or is_map(settings["strength"]) or np.ndim(settings["noise"]):
        raise TypeError("a mask or a map was given for a Dask array; expected strength and sigma as numbers, no mask")
    check_image_dtype(image.dtype)
    stack = axes_of(stack_axes)
    order = order_of(image.ndim, channel_axis, stack if series is None else [*stack, series.axis])
    planes = image.transpose(order)
    planes = planes if channel_axis is not None else planes[..., None, :, :]
    if series is None:
        network = filtering_net(net, planes.shape[-3])
        result = denoise_chunks(planes, network=network, **settings)
    else:
        result = (denoise_deep_chunks if series.deep else denoise_frame_chunks)(planes, net, series, **settings)
    return (result if channel_axis is not None else result[..., 0, :, :]).transpose(tuple(np.argsort(order)))
