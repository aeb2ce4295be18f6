"""What a pixel would be if a map had another value there: which of a filter's maps decides."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid, to_opponent, to_rgb
from pkn.filters.pyramid import Part
from pkn.restoration.parameter_maps import ParameterMaps

ALIGNED = 32  # pixels: parts of an image begin at multiples, so that levels of pyramids are parts of the image's
STEP = 0.25  # of a map's range, by which it is changed
Position = tuple[int, int]


class Change(NamedTuple):
    """What a pixel would be, (C,), with a map lower or higher there by a quarter of its range."""

    lower: np.ndarray
    higher: np.ndarray


def part_around(
    flt: Filter, planes: np.ndarray, values: Mapping[str, np.ndarray], at: Position
) -> tuple[np.ndarray, dict[str, np.ndarray], Position]:
    """The part of an image (C, H, W) and its maps that decides a pixel, and where the pixel is in it."""
    size = planes.shape[1:]
    starts = [max(0, (k - flt.halo) // ALIGNED * ALIGNED) for k in at]
    stops = [min(n, -(-(k + flt.halo + 1) // ALIGNED) * ALIGNED) for k, n in zip(at, size, strict=True)]
    if flt.border == "wrap":
        starts, stops = [0, 0], list(size)
    own = {}
    for name, whole in values.items():
        scales = [-(-n // m) for n, m in zip(size, whole.shape[-2:], strict=True)]
        rows, columns = (slice(a // s, -(-b // s)) for a, b, s in zip(starts, stops, scales, strict=True))
        own[name] = whole[..., rows, columns]
    row, column = (k - a for k, a in zip(at, starts, strict=True))
    return planes[:, starts[0] : stops[0], starts[1] : stops[1]], own, (row, column)


def change_maps(maps: ParameterMaps, planes: np.ndarray, at: Position) -> tuple[np.ndarray, dict[str, Change]]:
    """The result at a pixel, (C,), and what it would be with each map of one plane changed there.

    Parameters
    ----------
    maps : ParameterMaps
        Of a filter that keeps the image's size.
    planes : array of shape (C, H, W)
        Floats.
    at : (row, column)

    Returns
    -------
    array, dict of str to Change
        The map that matters most first.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import IsotropicGaussian
    >>> from pkn.restoration.map_changes import change_maps
    >>> step = np.zeros((1, 32, 32))
    >>> step[:, 16:] = 1
    >>> maps = pkn.ParameterMaps(IsotropicGaussian(6), {"sigma": np.ones((32, 32))})
    >>> result, changes = change_maps(maps, step, (14, 14))
    >>> bool(changes["sigma"].lower < result < changes["sigma"].higher)
    True
    """
    flt = maps.filter
    if not isinstance(flt, LumaChromaPyramid):
        result, changed = _of_filter(flt, planes, dict(maps), at)
        return result, _ranked(result, {name: Change(*pair) for name, pair in changed.items()})
    found = [
        (
            part,
            *_of_filter(part.pyramid, planes, {name: maps[part.full(name)] for name in part.pyramid.ranges}, at, part),
        )
        for part in flt.parts
    ]
    opponent, changes = np.concatenate([first for _, first, _ in found]), {}
    for part, _, changed in found:
        for name, pair in changed.items():
            both = np.tile(opponent, (2, 1))
            both[:, part.channels] = pair
            changes[part.full(name)] = Change(*to_rgb(both[..., None, None])[..., 0, 0])
    result = to_rgb(opponent[None, :, None, None])[0, :, 0, 0]
    return result, _ranked(result, changes)


def _ranked(result: np.ndarray, changes: dict[str, Change]) -> dict[str, Change]:
    effect = {name: np.linalg.norm(np.stack(change) - result, axis=1).max() for name, change in changes.items()}
    return {name: changes[name] for name in sorted(changes, key=lambda name: -effect[name])}


def _of_filter(
    flt: Filter, planes: np.ndarray, values: dict[str, np.ndarray], at: Position, part: Part | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Of a filter (of a part, whose planes are made of RGB), the result at a pixel, (C,), and those of changes, (2, C).

    All as one batch: most of the time that they would take one by one is not the filter's.
    """
    cut, own, place = part_around(flt, planes, values, at)
    cut = np.ascontiguousarray(cut)
    cut = cut if part is None else np.ascontiguousarray(to_opponent(cut[None])[0, part.channels])
    names = [name for name, each in own.items() if each.ndim == 2]
    number = 1 + 2 * len(names)
    batch = {name: np.repeat(each, number, 0) for name, each in flt.check_maps((), own, cut[None])._asdict().items()}
    for n, name in enumerate(names):
        row, column = (k // -(-s // m) for k, s, m in zip(place, cut.shape[1:], own[name].shape, strict=True))
        for sign in (0, 1):
            target = batch[name][1 + 2 * n + sign, 0]
            target[row, column] = _changed(target[row, column], flt.ranges[name], 2 * sign - 1)
    results = flt.forward(np.repeat(cut[None], number, 0), flt.Maps(**batch), keep=False)[0][..., *place]
    return results[0], dict(zip(names, results[1:].reshape(len(names), 2, -1), strict=True))


def _changed(value: Any, limits: Any, sign: int) -> Any:
    """A value changed by a quarter of its map's range, in its logarithm where that is logarithmic."""
    if limits.logarithmic:
        changed = value * (limits.high / limits.low) ** (sign * STEP)
    else:
        changed = value + sign * STEP * (limits.high - limits.low)
    return np.clip(changed, *limits.valid)
