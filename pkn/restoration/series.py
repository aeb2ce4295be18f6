"""Arrays with an axis of time or depth, along which images are denoised together."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np

from pkn.filters import Filter
from pkn.filters.arrays import all_finite, check_image, planar, rounded, target_dtype
from pkn.nets import Predictor
from pkn.restoration.arguments import check_strength, is_map
from pkn.restoration.frame_maps import FrameMaps, maps_of_frame
from pkn.restoration.planes import filtering_net
from pkn.restoration.sequences import Series
from pkn.restoration.stacks import axes_of, order_of
from pkn.restoration.streams import ANEW, check_next, denoise_frames, frames_of
from pkn.restoration.volume_maps import VolumeMaps
from pkn.restoration.volumes import deep_filter, denoise_volume, maps_of_volume, planes_around

DEFAULT_NETS = {"any-noise": "volume"}  # what they stand for along depth


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
    others = axes_of(stack_axes)
    order = order_of(image.ndim, channel_axis, [*others, series.axis])
    plane_axis = None if channel_axis is None else 0
    images, results = image.transpose(order), result.transpose(order)
    for index in np.ndindex(images.shape[: len(others)]):
        frames = denoise_images(images[index], series, net, plane_axis, strength=strength, noise=noise)
        for out, frame in zip(results[index], frames, strict=True):
            out[...] = rounded(frame, out.dtype)


def denoise_images(
    images: Iterable[np.ndarray],
    series: Series,
    net: Any,
    channel_axis: int | None,
    *,
    strength: Any,
    noise: Any,
    dtype: Any = None,
    origin: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """The images of one series, denoised one after the other in the memory of a few.

    If they begin later (see :func:`start_for`), ``origin`` is the series' first.

    Raises
    ------
    ValueError
        When an image comes that isn't like the first, or has values that are not finite.
    """
    power, rest = check_strength(strength), iter(images)
    if not series.deep:
        around = series.neighbours, 0 if series.causal else series.neighbours
        yield from denoise_frames(rest, net, channel_axis, power, noise, around, dtype, origin)
        return
    first = next(rest, None)
    if first is None:
        return
    network, flt = deep_net(net, 1 if channel_axis is None else first.shape[channel_axis], series)
    target = target_dtype(dtype, first.dtype)
    planes = _planes(chain([first], rest), channel_axis)
    begin = None if origin is None else planar(check_next(origin, first, channel_axis, "plane 0"), channel_axis)
    for result in denoise_volume(planes, network, flt, power, noise, begin):
        yield rounded(result if channel_axis is not None else result[0], target)


def network_of(series: Series, net: Any, channels: int) -> Predictor:
    """The network for a series of images with so many channels."""
    return deep_net(net, channels, series)[0] if series.deep else filtering_net(net, channels)


def start_for(number: int, series: Series, network: Predictor) -> int:
    """Where a series is to be begun for the result ``number``, and those that follow, to be those of the whole."""
    if series.deep:
        before, _ = planes_around(network, deep_filter(network, series.spacing, series.causal))
        return max(0, number - before)
    return max(0, number - series.neighbours) // ANEW * ANEW


def deep_net(net: Any, channels: int, series: Series) -> tuple[Predictor, Filter]:
    """The network for a volume and its filter."""
    network = filtering_net(DEFAULT_NETS.get(net, net) if isinstance(net, str) else net, channels)
    return network, deep_filter(network, series.spacing, series.causal)


def _planes(images: Iterable[np.ndarray], channel_axis: int | None) -> Iterator[np.ndarray]:
    first = None
    for number, image in enumerate(images):
        plane = check_next(image, first, channel_axis, f"plane {number}")
        first = plane if first is None else first
        yield planar(plane, channel_axis)


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
        network, flt = deep_net(net, 1 if channel_axis is None else image.shape[channel_axis], series)
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
