"""Volumes: the filter's windows reach through neighbouring planes; the network sets it plane by plane.

It is applied twice where the network has a second pass: the guide, by which pixels are compared, is first made of the
noisy planes, then of the first result.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter
from pkn.filters.arrays import check_spacing, to_floats
from pkn.nets import Predictor
from pkn.nets.map_net.architecture import is_guide
from pkn.nets.map_net.tiling import Told
from pkn.restoration.planes import black_of, counted, tell, values_of, with_black
from pkn.restoration.sequences import windows
from pkn.restoration.volume_maps import VolumeMaps


class Plane(NamedTuple):
    """A plane (1, C, H, W), float32, what the network is told of it, and its maps by name."""

    values: np.ndarray
    told: Told
    maps: dict[str, np.ndarray]


def deep_filter(network: Predictor, spacing: Sequence[float] | None, causal: bool) -> Filter:
    """The network's filter for a distance of planes, rows and columns.

    Raises
    ------
    ValueError
        If its windows are of one plane, or the spacing isn't one.
    """
    if not network.filter.radius_z:
        name = type(network.filter).__name__
        raise ValueError(f"net sets a {name} with windows of one plane; expected one of several, such as 'volume'")
    planes, rows, columns = check_spacing(spacing)
    return replace(network.filter, spacing=(planes / columns, rows / columns, 1.0), causal=causal)


def denoise_volume(
    planes: Iterable[np.ndarray],
    network: Predictor,
    flt: Filter,
    strength: Any,
    noise: Any,
    origin: np.ndarray | None = None,
) -> Iterator[np.ndarray]:
    """Denoise the planes (C, H, W) of a volume, of any dtype, one after the other, in the memory of a few.

    If they begin later, ``origin`` is the volume's first.

    Yields
    ------
    float array of shape (C, H, W)
    """
    pairs = _told_planes(planes, network, noise)
    first = next(pairs, None)
    if first is not None:
        plane, told = first if origin is None else (origin, tell(origin, network, noise))
        yield from denoise_told(chain([first], pairs), black_of(plane.dtype, told), network, flt, strength)


def denoise_told(
    pairs: Iterable[tuple[np.ndarray, Told]], black: float, network: Predictor, flt: Filter, strength: Any
) -> Iterator[np.ndarray]:
    """As :func:`denoise_volume`, for planes with what the network is told of each, and the volume's black."""
    for _, result in filtered_planes(with_maps(pairs, black, network, flt, strength), flt):
        yield with_black(result, black)


def planes_around(network: Predictor, flt: Filter) -> tuple[int, int]:
    """Planes before and after each that its result depends on."""
    reach = flt.radius_z * (1 if network.second is None else 2)
    return reach, 0 if flt.causal else reach


def _told_planes(planes: Iterable[np.ndarray], network: Predictor, noise: Any) -> Iterator[tuple[np.ndarray, Told]]:
    return ((plane, tell(plane, network, noise)) for plane in planes)


def with_maps(
    pairs: Iterable[tuple[np.ndarray, Told]], black: float, network: Predictor, flt: Filter, strength: Any
) -> Iterator[Plane]:
    """Planes with the maps of the last pass, when they are asked for; values are counted from ``black``."""
    prepared = (_prepared(*pair, black, network, 1.0 if network.second else strength) for pair in pairs)
    if network.second is None:
        return prepared
    return _again(filtered_planes(prepared, flt), network.second, strength)


def _prepared(plane: np.ndarray, told: Told, black: float, network: Predictor, strength: Any) -> Plane:
    values, told = counted(to_floats(plane)[None], told, black)
    return Plane(values, told, values_of(values, network, strength, told))


def _again(results: Iterator[tuple[Plane, np.ndarray]], network: Predictor, strength: Any) -> Iterator[Plane]:
    """Planes with the maps of the second pass, from those of the first and its results."""
    for plane, result in results:
        yield plane._replace(maps=values_of(plane.values, network, strength, plane.told, result[None]))


def filtered_planes(planes: Iterable[Plane], flt: Filter) -> Iterator[tuple[Plane, np.ndarray]]:
    """Each plane and what the filter makes of it, (C, H, W)."""
    for around, at in windows(planes, flt.radius_z, 0 if flt.causal else flt.radius_z):
        yield around[at], _filtered(around, at, flt)


def _filtered(around: Sequence[Plane], at: int, flt: Filter) -> np.ndarray:
    """The plane ``at`` of some that follow each other, (C, H, W)."""
    image = np.concatenate([plane.values for plane in around])
    maps = {name: values.reshape(1, -1, *values.shape[-2:]) for name, values in around[at].maps.items()}
    for name in filter(is_guide, maps):
        maps[name] = np.concatenate([plane.maps[name].reshape(maps[name].shape) for plane in around])
    slots = flt.window.slots(len(around))[at : at + 1]
    result, _ = flt.forward(image, flt.Maps(**maps), keep=False, slots=slots)
    return np.asarray(result[0])


def maps_of_volume(
    planes: Iterable[np.ndarray], network: Predictor, flt: Filter, strength: Any, noise: Any, provenance: dict[str, Any]
) -> VolumeMaps:
    """The maps of a whole volume, of the last pass."""
    pairs = list(_told_planes(planes, network, noise))
    found = [plane.maps for plane in with_maps(pairs, black_of(pairs[0][0].dtype, pairs[0][1]), network, flt, strength)]
    return VolumeMaps(flt, {name: np.stack([maps[name] for maps in found], -3) for name in found[0]}, provenance)
