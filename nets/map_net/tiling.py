"""Prediction and filtering by tiles, one pyramid level after another: bit-identical to the whole image, in less memory.

A level is predicted, filtered and blended with the coarser result in tiles. Only what the next finer level needs is
kept: the coarser result, and the network's features there, at 1 / down of the coarser resolution.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter
from pkn.filters.engine.memory import contiguous, copied, empty
from pkn.filters.engine.pyramid_levels import halve, level_size
from pkn.nets.map_net.architecture import FEATURE_SIDE
from pkn.nets.map_net.conv_kernels import ROWS
from pkn.nets.map_net.predictor import (
    NOTHING,
    WHOLE,
    Coarser,
    Predictor,
    Span,
    filtered_part,
    image_of,
    planes_of,
)

TILE = 1536  # px a side: of 1024 a tenth more time went into margins and waiting; a plane of a tile takes 9 MB

Tile = tuple[slice, slice]
Read = Callable[[Tile], np.ndarray]
Write = Callable[[Tile, np.ndarray], None]


class Told(NamedTuple):
    """What a network is told of an image.

    Parameters
    ----------
    noise : array of shape (1,) or (1, 1, H, W), NoiseCurve or NoiseMap
        Noise levels; see :meth:`pkn.nets.Predictor.told`.
    span : Span
        The image's black and contrast.
    level : float
        The typical noise level, for reports.
    """

    noise: Any
    span: Span = WHOLE
    level: float = 0.0


def filter_by_tiles(
    predictor: Predictor, read: Read, size: tuple[int, int], noise: Told, strength: Any, write: Write
) -> None:
    """Filter an image without invalid pixels by the maps that a network predicts for it.

    Parameters
    ----------
    predictor : Predictor
        For a filter that keeps the image's size.
    read : callable
        ``read((rows, columns))`` gives that part of the image, (C, rows, columns), float32.
    size : (height, width)
    noise : Told
        What the network is told of the noise, and what the image spans.
    strength : float or (float, float)
        Scales the effect of the maps; 1 leaves them as predicted. A pair is for luma and chroma.
    write : callable
        ``write((rows, columns), part)`` takes a part of the result.
    """
    levels = len(predictor.architecture.names)
    sizes = [level_size(size, level) for level in range(levels)]
    readers: list[Read] = [lambda tile: planes_of(predictor.filter, read(tile))]
    for level in range(1, levels):
        readers.append(_part_of(_halved(readers[-1], sizes[level - 1], sizes[level], predictor.channels)))
    told = noise._replace(noise=predictor.told(noise.noise))
    coarser: list[np.ndarray] = []
    predicted, lags = NOTHING, [lag for _, lag, _ in predictor.architecture.folds]
    for level in reversed(range(levels)):
        results = _empty_results(predictor, sizes[level]) if level else []
        put = _into(results, lags) if level else lambda tile, planes: write(tile, image_of(predictor.filter, planes))
        at = (level, readers[level], sizes[level])
        predicted = _filter_level(predictor, at, told, strength, coarser, predicted, put)
        coarser = results


def _empty_results(predictor: Predictor, size: tuple[int, int]) -> list[np.ndarray]:
    """Arrays for the results of a level: one for each input, as often halved as its pyramid lags behind."""
    inputs = [(len(range(predictor.channels)[planes]), lag) for planes, lag, _ in predictor.architecture.folds]
    return [empty((channels, *level_size(size, lag)), np.float32) for channels, lag in inputs]


def _filter_level(
    predictor: Predictor,
    at: tuple[int, Read, tuple[int, int]],
    told: Told,
    strength: Any,
    coarser: list[np.ndarray],
    predicted: Coarser,
    write: Callable[[Tile, list[np.ndarray]], None],
) -> Coarser:
    """Write the results of one level tile by tile, and return what predictions on the next finer one need."""
    level, read, size = at
    down, lags = predictor.architecture.down, [lag for _, lag, _ in predictor.architecture.folds]
    step = 2 * max(down, 2 ** max(lags))  # tiles begin at multiples of this: pixels of all that is coarser
    step = step if level else max(step, ROWS * down)
    margin = _rounded_up(_own_halo(predictor, level), step)
    folded = tuple(-(-side // down) for side in size)
    kept = empty((predictor.width, *folded) if level else (predictor.width, 0, 0), np.float32)
    first = _empty_results(predictor, size) if level and predictor.architecture.chained else []
    for part in tiles(size, TILE, step):
        wide = widened(part, margin, size)
        planes = read(wide)
        below = [_scaled_part(each, wide, 2 ** (lag + 1)) for each, lag in zip(predicted.results, lags, strict=False)]
        crop = Coarser(_scaled_part(predicted.features, wide, 2 * down), below)
        maps, here = predictor.predict_level(level, planes, told.noise, crop, told.span)
        maps = _strengthened(predictor.filter, maps, strength)
        around = [_scaled_part(each, wide, 2 ** (lag + 1)) for each, lag in zip(coarser, lags, strict=False)]
        rows, columns = (
            slice(each.start - around.start, each.stop - around.start) for each, around in zip(part, wide, strict=True)
        )
        inner = rows, columns
        results = zip(_results(predictor, level, planes, maps, around), lags, strict=True)
        write(part, [each[:, *_scaled(inner, 2**lag if level else 1)] for each, lag in results])
        if level:
            copied(here.features[:, *_scaled(inner, down)], kept[:, *_scaled(part, down)])
            cut = [each[:, *_scaled(inner, 2**lag)] for each, lag in zip(here.results, lags, strict=False)]
            _into(first, lags)(part, cut)
    return Coarser(kept, first)


def _results(
    predictor: Predictor, level: int, planes: np.ndarray, maps: dict[str, np.ndarray], coarser: list[np.ndarray]
) -> list[np.ndarray]:
    """Results of a level for each input; on level 0 all at full resolution."""
    flt, parts = predictor.filter, predictor.architecture.parts
    if not parts:
        names = predictor.architecture.names[0]
        out, _ = flt.forward(planes[None], flt.Maps(*(maps[name][None] for name in names)), keep=False)
        return [out[0]]
    images = [planes]
    for _ in range(max(part.lag for part in parts)):
        images.append(halve(images[-1]))
    return [
        filtered_part(part, level, part.lag if level else 0, images, maps, coarser[k] if coarser else None)
        for k, part in enumerate(parts)
    ]


def _strengthened(flt: Filter, maps: dict[str, np.ndarray], strength: Any) -> dict[str, np.ndarray]:
    if strength == 1 or strength == (1, 1):
        return maps
    named = {name: values.reshape(flt.plane_shape(name) + values.shape[1:]) for name, values in maps.items()}
    changed = flt.strengthen(named, strength)
    return {name: values.reshape(maps[name].shape) for name, values in changed.items()}


def _own_halo(predictor: Predictor, level: int) -> int:
    """Pixels of a level around a part of it that the part's result depends on, apart from coarser levels.

    On each level of a pyramid one filter is applied, which needs the maps of the part itself and the guide around it.
    Other filters may apply several in turn, so they need maps within the whole halo.
    """
    return max(predictor.margin(level), _filter_halo(predictor, level)) + _first_halo(predictor)


def _filter_halo(predictor: Predictor, level: int = 0) -> int:
    parts = predictor.architecture.parts
    if parts:
        own = FEATURE_SIDE // 2 + 1  # for the guide, and a pixel to enlarge a coarser result
        return int(max(2**part.lag * (part.pyramid.single.halo + own) for part in parts))
    return int(predictor.filter.halo + predictor.margin(level))


def _first_halo(predictor: Predictor) -> int:
    """Pixels of a level around a part of it in which the second pass needs the first one's result."""
    return _filter_halo(predictor) if predictor.architecture.chained else 0


def halo(predictor: Predictor) -> int:
    """Pixels around a part of an image that the part's result depends on; a multiple of :func:`alignment`."""
    levels = range(len(predictor.architecture.names))
    total = 0
    for level in reversed(levels):
        coarser = 2 * (total + 1) + predictor.margin(level) + _first_halo(predictor) if total else 0
        total = max(_own_halo(predictor, level), coarser)
    return _rounded_up(total, alignment(predictor))


def alignment(predictor: Predictor) -> int:
    """The multiple of pixels at which parts of an image must begin, so that their maps are those of the whole."""
    lag = max(lag for _, lag, _ in predictor.architecture.folds)
    down, coarsest = predictor.architecture.down, 2 ** (len(predictor.architecture.names) - 1)
    return int(max(ROWS * down, down * coarsest, 2**lag * coarsest))


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step


def tiles(size: tuple[int, int], side: int, step: int) -> Iterator[Tile]:
    """Yield the tiles of an image, row by row: at most about ``side`` a side, all alike, from multiples of ``step``."""
    height, width = (_rounded_up(-(-each // -(-each // side)), step) for each in size)
    for top in range(0, size[0], height):
        for left in range(0, size[1], width):
            yield slice(top, min(top + height, size[0])), slice(left, min(left + width, size[1]))


def widened(part: Tile, margin: int, size: tuple[int, int]) -> Tile:
    """Widen a part by a margin, within the image."""
    rows, columns = (
        slice(max(0, each.start - margin), min(side, each.stop + margin)) for each, side in zip(part, size, strict=True)
    )
    return rows, columns


def _scaled_part(planes: np.ndarray, part: Tile, factor: int) -> np.ndarray:
    """Crop planes whose resolution is 1 / factor of the part's."""
    return contiguous(planes[:, *_scaled(part, factor)])


def _scaled(part: Tile, factor: int) -> Tile:
    rows, columns = (slice(each.start // factor, -(-each.stop // factor)) for each in part)
    return rows, columns


def _halved(read: Read, size: tuple[int, int], half: tuple[int, int], channels: int) -> np.ndarray:
    out = empty((channels, *half), np.float32)
    for part in tiles(size, TILE, 2):
        rows, columns = (slice(each.start // 2, -(-each.stop // 2)) for each in part)
        out[:, rows, columns] = halve(read(part))
    return out


def _part_of(planes: np.ndarray) -> Read:
    return lambda part: contiguous(planes[:, *part])


def _into(results: list[np.ndarray], lags: list[int]) -> Callable[[Tile, list[np.ndarray]], None]:
    def write(part: Tile, values: list[np.ndarray]) -> None:
        for result, each, lag in zip(results, values, lags, strict=False):
            copied(each, result[:, *_scaled(part, 2**lag)])

    return write
