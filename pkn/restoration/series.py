"""Arrays with an axis of time or depth, along which images are denoised together."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter
from pkn.filters.arrays import all_finite, check_image, check_whole_number, planar, rounded
from pkn.nets import Predictor
from pkn.restoration.arguments import check_strength, is_map
from pkn.restoration.frame_maps import FrameMaps, maps_of_frame
from pkn.restoration.planes import filtering_net
from pkn.restoration.sequences import NEIGHBOURS as NEIGHBOURS
from pkn.restoration.stacks import order_of
from pkn.restoration.streams import denoise_frames, frames_of
from pkn.restoration.volume_maps import VolumeMaps
from pkn.restoration.volumes import deep_filter, denoise_volume, maps_of_volume

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


def check_series(image: np.ndarray, strength: Any, noise: Any, mask: Any) -> None:
    """Check what a series may not have.

    Raises
    ------
    TypeError
        For masks and maps.
    ValueError
        For values that aren't finite.
    """
    if mask is not None or is_map(strength) or np.ndim(noise):
        raise TypeError("a mask or a map was given for a series; expected strength and sigma as numbers, no mask")
    if not all_finite(image):
        raise ValueError("image has values that are not finite; expected none along time or depth")


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
    """Fill ``result`` with a denoised array; arguments as of :func:`pkn.denoise`, errors as of :func:`check_series`."""
    check_series(image, strength, noise, mask)
    others = [stack_axes] if isinstance(stack_axes, int | np.integer) else list(stack_axes)
    order = order_of(image.ndim, channel_axis, [*others, series.axis])
    plane_axis = None if channel_axis is None else 0
    images, results = image.transpose(order), result.transpose(order)
    for index in np.ndindex(images.shape[: len(others)]):
        frames = _denoised(images[index], series, net, plane_axis, strength, noise)
        for out, frame in zip(results[index], frames, strict=True):
            out[...] = rounded(frame, out.dtype)


def _denoised(
    images: np.ndarray, series: Series, net: Any, channel_axis: int | None, strength: Any, noise: Any
) -> Iterator[np.ndarray]:
    """The images of one series, one after the other."""
    power = check_strength(strength)
    if not series.deep:
        around = series.neighbours, 0 if series.causal else series.neighbours
        yield from denoise_frames(iter(images), net, channel_axis, power, noise, around)
        return
    network, flt = _deep(net, images, channel_axis, series)
    for result in denoise_volume(_planes(images, channel_axis), network, flt, power, noise):
        yield result[0] if channel_axis is None else result


def _deep(net: Any, images: np.ndarray, channel_axis: int | None, series: Series) -> tuple[Predictor, Filter]:
    """The network for a volume and its filter."""
    name = DEFAULT_NETS.get(net, net) if isinstance(net, str) else net
    network = filtering_net(name, 1 if channel_axis is None else images[0].shape[channel_axis])
    return network, deep_filter(network, series.spacing, series.causal)


def _planes(images: np.ndarray, channel_axis: int | None) -> Iterator[np.ndarray]:
    return (planar(check_image(each, channel_axis), channel_axis) for each in images)


def predict_series(
    image: np.ndarray,
    series: Series,
    at: int,
    net: Any,
    channel_axis: int | None,
    strength: Any,
    noise: Any,
    provenance: dict[str, Any],
) -> FrameMaps | VolumeMaps:
    """The maps of the frame ``at`` of a video, or of a volume; see :func:`pkn.predict_maps`."""
    order_of(image.ndim, channel_axis, [series.axis])  # checks them
    axis, power = series.axis % image.ndim, check_strength(strength)
    images = np.moveaxis(image, axis, 0)
    plane_axis = None if channel_axis is None else channel_axis % image.ndim - (channel_axis % image.ndim > axis)
    if series.deep:
        network, flt = _deep(net, images, plane_axis, series)
        return maps_of_volume(_planes(images, plane_axis), network, flt, power, noise, provenance)
    network = filtering_net(net, 1 if channel_axis is None else image.shape[channel_axis])
    if not -len(images) <= at < len(images):
        raise ValueError(f"at is {at}; expected the number of one of {len(images)} frames")
    number = at % len(images)
    last = min(number + (0 if series.causal else series.neighbours), len(images) - 1)
    numbers = list(range(max(0, number - series.neighbours), last + 1))
    first = check_image(images[0], plane_axis)
    frames, black = frames_of(first, iter(images[1:]), network, plane_axis, noise)
    near = list(islice(frames, numbers[0], last + 1))
    return maps_of_frame(near, numbers, number - numbers[0], network, power, black, plane_axis, provenance)
