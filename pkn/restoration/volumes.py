"""Volumes: the filter's windows reach through neighbouring planes; the network sets it plane by plane."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter
from pkn.filters.arrays import check_spacing, to_floats
from pkn.nets import Predictor
from pkn.nets.map_net.architecture import is_guide
from pkn.restoration.frames import tell
from pkn.restoration.planes import counted_from, values_of, with_black
from pkn.restoration.sequences import windows


class Plane(NamedTuple):
    """A plane (1, C, H, W), float32, and its maps by name."""

    values: np.ndarray
    maps: dict[str, np.ndarray]


def deep_filter(network: Predictor, spacing: Sequence[float], causal: bool) -> Filter:
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


def denoise_planes_of(
    planes: Iterable[np.ndarray], network: Predictor, flt: Filter, strength: Any, noise: Any
) -> Iterator[np.ndarray]:
    """Denoise the planes (C, H, W) of a volume, of any dtype, one after the other; they need be in no memory at once.

    Yields
    ------
    float array of shape (C, H, W)
    """
    black: float | None = None

    def prepared() -> Iterator[Plane]:
        nonlocal black
        for plane in planes:
            floats, told = to_floats(plane), tell(plane, network, noise)
            if black is None:
                black = told.span.black if floats.dtype == np.float64 else 0.0
            if black:
                floats, told = floats - black, counted_from(told, black)
            values = floats.astype(np.float32, copy=False)[None]
            yield Plane(values, values_of(values, network, strength, told))

    after = 0 if flt.causal else flt.radius_z
    for around, at in windows(prepared(), flt.radius_z, after):
        result = _filtered(around, at, flt)
        yield with_black(result, black or 0.0)


def _filtered(around: list[Plane], at: int, flt: Filter) -> np.ndarray:
    """The plane ``at`` of some that follow each other, (C, H, W)."""
    image = np.concatenate([plane.values for plane in around])
    shapes = {name: values.reshape(1, -1, *values.shape[-2:]) for name, values in around[at].maps.items()}
    for name in filter(is_guide, shapes):
        shapes[name] = np.concatenate([plane.maps[name].reshape(shapes[name].shape) for plane in around])
    numbers = at + np.arange(-flt.radius_z, flt.radius_z + 1)
    slots = np.where((numbers >= 0) & (numbers < len(around)), numbers, -1)[None]
    if flt.causal:
        slots[:, flt.radius_z + 1 :] = -1
    result, _ = flt.forward(image, flt.Maps(**shapes), keep=False, slots=slots)
    return np.asarray(result[0])
