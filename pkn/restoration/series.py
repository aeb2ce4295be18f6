"""Arrays with an axis of time or depth, along which images are denoised together."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import all_finite, check_image, check_whole_number, planar, rounded
from pkn.restoration.arguments import check_strength, is_map
from pkn.restoration.planes import filtering_net
from pkn.restoration.stacks import order_of
from pkn.restoration.streams import denoise_frames
from pkn.restoration.volumes import deep_filter, denoise_planes_of
from pkn.restoration.sequences import NEIGHBOURS as NEIGHBOURS

DEFAULT_NETS = {"any-noise": "volume"}  # what they stand for along depth


class Series(NamedTuple):
    """The axis, whether it is of depth, and what else :func:`pkn.denoise` says of it."""

    axis: int
    deep: bool
    spacing: Sequence[float]
    neighbours: int
    causal: bool


def series_of(
    time_axis: int | None, depth_axis: int | None, spacing: Sequence[float], neighbours: int, causal: bool
) -> Series | None:
    """What was said of time or depth, if one of the axes was given.

    Raises
    ------
    ValueError
        If both were.
    """
    if time_axis is not None and depth_axis is not None:
        raise ValueError(f"time_axis is {time_axis} and depth_axis {depth_axis}; expected one of them (stack_axes)")
    axis = depth_axis if time_axis is None else time_axis
    check_whole_number("neighbours", neighbours, least=0)
    return None if axis is None else Series(axis, time_axis is None, spacing, neighbours, causal)


def denoise_series(
    image: np.ndarray,
    result: np.ndarray,
    series: Series,
    net: Any,
    channel_axis: int | None,
    stack_axes: int | Sequence[int],
    *,
    strength: Any,
    noise: Any,
    mask: Any,
) -> None:
    """Fill ``result`` with a denoised array; arguments as of :func:`pkn.denoise`.

    Raises
    ------
    TypeError
        For masks and maps.
    ValueError
        For values that aren't finite.
    """
    if mask is not None or is_map(strength) or np.ndim(noise):
        raise TypeError("a mask or a map was given for a series; expected strength and sigma as numbers, no mask")
    others = [stack_axes] if isinstance(stack_axes, int | np.integer) else list(stack_axes)
    order = order_of(image.ndim, channel_axis, [*others, series.axis])
    if not all_finite(image):
        raise ValueError("image has values that are not finite; expected none along time or depth")
    plane_axis = None if channel_axis is None else 0
    images, results = image.transpose(order), result.transpose(order)
    for index in np.ndindex(images.shape[: len(others)]):
        frames = _denoised(images[index], series, net, plane_axis, strength, noise)
        for out, frame in zip(results[index], frames, strict=True):
            out[...] = rounded(frame, out.dtype)


def _denoised(images: np.ndarray, series: Series, net: Any, channel_axis: int | None, strength: Any, noise: Any) -> Any:
    """The images of one series, one after the other."""
    power = check_strength(strength)
    if not series.deep:
        around = series.neighbours, 0 if series.causal else series.neighbours
        return denoise_frames(iter(images), net, channel_axis, power, noise, around)
    name = DEFAULT_NETS.get(net, net) if isinstance(net, str) else net
    network = filtering_net(name, 1 if channel_axis is None else images.shape[1])
    planes = (planar(check_image(each, channel_axis), channel_axis) for each in images)
    flt = deep_filter(network, series.spacing, series.causal)
    results = denoise_planes_of(planes, network, flt, power, noise)
    return (result[0] if channel_axis is None else result for result in results)
