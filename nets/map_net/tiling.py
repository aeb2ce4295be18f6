"""Prediction and filtering by tiles, one pyramid level after another: bit-identical to the whole image, in less memory.

A level is predicted, filtered and blended with the coarser result in tiles. Only what the next finer level needs is
kept: the coarser result, and the network's features there, at 1 / down of the coarser resolution.
"""

from collections.abc import Callable, Iterator

import numpy as np

from pkn.filters import Filter, Pyramid
from pkn.filters.engine.pyramid_levels import blend, halve, level_size
from pkn.nets.map_net.architecture import FEATURE_SIDE
from pkn.nets.map_net.predictor import Predictor

TILE = 768  # px a side, for RGB; smaller tiles cost more for their margins, twice the side takes four times the memory

Tile = tuple[slice, slice]
Read = Callable[[Tile], np.ndarray]
Write = Callable[[Tile, np.ndarray], None]


def filter_by_tiles(
    predictor: Predictor, read: Read, size: tuple[int, int], sigma: np.ndarray, strength: float, write: Write
) -> None:
    """Filter an image without invalid pixels by the maps that a network predicts for it.

    Parameters
    ----------
    predictor : Predictor
        For a filter that keeps the image's size.
    read : callable
        ``read((rows, columns))`` gives that part of the image, (C, rows, columns), float32.
    size : (height, width)
    sigma : array of shape (1,)
        The noise level.
    strength : float
        Scales the effect of the maps; 1 leaves them as predicted.
    write : callable
        ``write((rows, columns), part)`` takes a part of the result.
    """
    levels = len(predictor.architecture.names)
    sizes = [level_size(size, level) for level in range(levels)]
    readers = [read]
    for level in range(1, levels):
        readers.append(_part_of(_halved(readers[-1], sizes[level - 1], sizes[level], predictor.channels)))
    coarser: np.ndarray | None = None
    features = np.empty((0, 0, 0), np.float32)
    for level in reversed(range(levels)):
        out = np.empty((predictor.channels, *sizes[level]), np.float32) if level else None
        put = write if out is None else _into(out)
        features = _filter_level(
            predictor, level, readers[level], sizes[level], sigma, strength, coarser, features, put
        )
        coarser = out


def _filter_level(
    predictor: Predictor,
    level: int,
    read: Read,
    size: tuple[int, int],
    sigma: np.ndarray,
    strength: float,
    coarser: np.ndarray | None,
    features: np.ndarray,
    write: Write,
) -> np.ndarray:
    """Write the result of one pyramid level tile by tile, and return the network's features."""
    down, whole = predictor.architecture.down, predictor.filter
    flt: Filter = whole.single if isinstance(whole, Pyramid) else whole
    step = 2 * down  # tiles begin at multiples of this, a pixel of the coarser level's features
    margin = _rounded_up(_own_halo(predictor), step)
    folded = tuple(-(-side // down) for side in size)
    kept = np.empty((predictor.width, *folded) if level else (predictor.width, 0, 0), np.float32)
    side = TILE if predictor.channels > 1 else _rounded_up(TILE * 4 // 3, step)
    for part in tiles(size, side):
        wide = widened(part, margin, size)
        image = read(wide)
        maps, here = predictor.predict_level(level, image, sigma.reshape(1, 1), _scaled_part(features, wide, step))
        maps = _strengthened(whole, maps, strength)
        names = [name for name in predictor.architecture.names[level] if not name.startswith("blend")]
        fine, _ = flt.forward(image[None], flt.Maps(*(maps[name][None] for name in names)), keep=False)
        if coarser is not None:
            fine, _ = blend(fine, _scaled_part(coarser, wide, 2)[None], maps[f"blend_{level}"][None])
        inner = tuple(
            slice(each.start - around.start, each.stop - around.start) for each, around in zip(part, wide, strict=True)
        )
        write(part, fine[0][:, *inner])
        if level:
            target = tuple(slice(each.start // down, -(-each.stop // down)) for each in part)
            source = tuple(slice(each.start // down, -(-each.stop // down)) for each in inner)
            kept[:, *target] = here[:, *source]
    return kept


def _strengthened(flt: Filter, maps: dict[str, np.ndarray], strength: float) -> dict[str, np.ndarray]:
    if strength == 1:
        return maps
    named = {name: values.reshape(flt.plane_shape(name) + values.shape[1:]) for name, values in maps.items()}
    changed = flt.strengthen(named, np.float32(strength))
    return {name: values.reshape(maps[name].shape) for name, values in changed.items()}


def _own_halo(predictor: Predictor) -> int:
    """Pixels of a level around a part of it that the part's result depends on, apart from coarser levels.

    On each level of a pyramid one filter is applied, which needs the maps of the part itself and the guide around it.
    Other filters may apply several in turn, so they need maps within the whole halo.
    """
    flt = predictor.filter
    if isinstance(flt, Pyramid):
        return max(predictor.margin, flt.single.halo + FEATURE_SIDE // 2)
    return int(flt.halo + predictor.margin)


def halo(predictor: Predictor) -> int:
    """Pixels around a part of an image that the part's result depends on; a multiple of :func:`alignment`."""
    own = total = _own_halo(predictor)
    for _ in predictor.architecture.names[1:]:
        total = max(own, 2 * (total + 1) + predictor.margin)
    return _rounded_up(total, alignment(predictor))


def alignment(predictor: Predictor) -> int:
    """The multiple of pixels at which parts of an image must begin, so that their maps are those of the whole."""
    return int(predictor.architecture.down * 2 ** (len(predictor.architecture.names) - 1))


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step


def tiles(size: tuple[int, int], side: int) -> Iterator[Tile]:
    """Yield the tiles of an image, row by row."""
    for top in range(0, size[0], side):
        for left in range(0, size[1], side):
            yield slice(top, min(top + side, size[0])), slice(left, min(left + side, size[1]))


def widened(part: Tile, margin: int, size: tuple[int, int]) -> Tile:
    """Widen a part by a margin, within the image."""
    rows, columns = (
        slice(max(0, each.start - margin), min(side, each.stop + margin)) for each, side in zip(part, size, strict=True)
    )
    return rows, columns


def _scaled_part(planes: np.ndarray, part: Tile, factor: int) -> np.ndarray:
    """Crop planes whose resolution is 1 / factor of the part's."""
    rows, columns = (slice(each.start // factor, -(-each.stop // factor)) for each in part)
    return np.ascontiguousarray(planes[:, rows, columns])


def _halved(read: Read, size: tuple[int, int], half: tuple[int, int], channels: int) -> np.ndarray:
    out = np.empty((channels, *half), np.float32)
    for part in tiles(size, TILE):
        rows, columns = (slice(each.start // 2, -(-each.stop // 2)) for each in part)
        out[:, rows, columns] = halve(read(part))
    return out


def _part_of(planes: np.ndarray) -> Read:
    return lambda part: np.ascontiguousarray(planes[:, *part])


def _into(planes: np.ndarray) -> Write:
    def write(part: Tile, values: np.ndarray) -> None:
        planes[:, *part] = values

    return write
