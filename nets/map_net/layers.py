"""The network's layers on a level: strip by strip, tile by tile through the kernels of ``conv_kernels``."""

from itertools import pairwise
from typing import Any

import numpy as np

from pkn.filters.engine.memory import empty
from pkn.filters.engine.threads import run_strips, scratch
from pkn.nets.map_net.architecture import SECOND, Architecture
from pkn.nets.map_net.conv_kernels import (
    BLOCK,
    FROM_WEIGHTS,
    GROUP,
    ROWS,
    begin,
    combine,
    convolve,
    convolve_rows,
    fill,
    fold,
)

STRIP = 256  # rows: those around them are computed twice
TILE = (32, 8 * BLOCK)  # rows at a time, and columns with margins: of more, two layers don't fit the caches
UNROLLED = (0,)  # see conv_kernels.convolve


class Layers:
    """The weights of a network's layers, as the kernels want them.

    Parameters
    ----------
    architecture : Architecture
    weights : dict of float32 arrays
    """

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray]) -> None:
        self.architecture = architecture
        self.width = architecture.width + -architecture.width % GROUP  # channels of features, in whole groups
        levels = range(len(architecture.names))
        self._stems = [_differences(weights[f"stems.{level}.weight"], architecture.folded) for level in levels]
        self._starts = [
            (in_groups(weights[f"stems.{level}.bias"]), in_groups(weights[f"scales.{level}.weight"][:, :, 0, 0]))
            for level in levels
        ]
        names = [f"trunk.{layer}" for layer in range(1, 2 * architecture.depth - 1, 2)]
        biases = [in_groups(weights[f"{name}.bias"]) for name in names]
        trunk = [weights[f"{name}.weight"] for name in names]
        self._trunk = [*zip(map(_taps, trunk), biases, strict=True)]
        self._finest_trunk = [*zip(map(_sums_of_rows, trunk), biases, strict=True)]
        # Of outputs for a second pass that the same prediction makes, those of the first come first.
        passes = ("", SECOND) if architecture.chained else ("",)
        self._outputs = [len(passes) * sum(architecture.planes(level)) for level in levels]
        self._heads = [
            (
                in_groups(
                    in_groups(np.concatenate([weights[f"{each}heads.{level}.weight"][:, :, 0, 0] for each in passes])),
                    1,
                ),
                in_groups(np.concatenate([weights[f"{each}heads.{level}.bias"] for each in passes])),
            )
            for level in levels
        ]

    def above(self, level: int) -> int:
        """Rows of the folded image around some that their outputs depend on."""
        return self._margins(level)[-1]

    def _margins(self, level: int) -> list[int]:
        """Rows at each edge of the folded image, then of each layer's result, that are not known: one more, or ROWS."""
        return [0, 1, *(2 + layer * (1 if level else ROWS) for layer in range(self.architecture.depth - 1))]

    def run(
        self, level: int, inputs: list[Any], noise: np.ndarray, coarser: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (planes, rows, columns) of a level's head, and the features before it (none on level 0).

        ``inputs`` are arguments of the kernel ``fold``, for each of the level's inputs; ``noise`` and ``coarser`` those
        of ``begin``; ``size`` is that of the folded image.
        """
        raw = empty((self._outputs[level], *size), np.float32)
        features = empty((self.width, *size) if level else (self.width, 0, 0), np.float32)
        margins, beside, splits = (
            self._margins(level),
            self.architecture.depth,
            np.cumsum(self.architecture.folded)[:-1],
        )
        above, columns = margins[-1], _tile_columns(size[1], 2 * beside - 2) + 2

        def task(n: int, first: int, last: int) -> None:
            start, stop = ROWS * first, ROWS * last
            tiles = self._tiles(min(TILE[0], stop - start) + 2 * above, columns)
            inverse = scratch("inverse", (self.architecture.down, columns), raw.dtype)
            for x in range(0, size[1], columns - 2 * beside):
                for y in range(start, stop, TILE[0]):
                    rows = min(TILE[0], stop - y)
                    bands = [(2 * above - m if y > start else m, rows + 2 * above - m) for m in margins]
                    if y > start:
                        _move_up(tiles, bands)
                    place = y - above, x - beside
                    for own, part in zip(inputs, np.split(tiles[0], splits), strict=True):
                        fold(*own, *bands[0], *place, inverse, part)
                    begin(*self._starts[level], noise, coarser, *bands[1], *place, tiles[1])
                    convolve(tiles[0], self._stems[level], *bands[1], *place, *size, UNROLLED, tiles[1])
                    self._through_trunk(level, tiles[1:], bands[2:], (*place, *size))
                    below = min(y + rows, size[0])
                    combine(tiles[-1], *self._heads[level], above, beside, UNROLLED, y, below, x, raw)
                    if level:
                        inner = tiles[-1][:, above : above + below - y, beside : columns - beside][..., : size[1] - x]
                        features[:, y:below, x : x + inner.shape[2]] = inner

        run_strips(task, 1, -(-size[0] // ROWS), STRIP // ROWS)
        return raw, features

    def _tiles(self, rows: int, columns: int) -> list[np.ndarray]:
        """Scratch for the folded image and for the result of each layer."""
        channels = sum(self.architecture.folded), *self.architecture.depth * [self.width]
        return [scratch(f"layer {k}", (each, rows, columns), np.dtype(np.float32)) for k, each in enumerate(channels)]

    def _through_trunk(self, level: int, tiles: list[np.ndarray], bands: list[Any], place: tuple[int, ...]) -> None:
        """Apply the layers that all levels share: from each tile to the next, to the rows ``bands`` of it."""
        for layer, (source, target) in enumerate(pairwise(tiles)):
            if level:
                weight, bias = self._trunk[layer]
                fill(bias, *bands[layer], target)
                used = source[: self.architecture.width]  # what is beyond is padding
                convolve(used, weight, *bands[layer], *place, UNROLLED, target)
            else:
                weight, bias = self._finest_trunk[layer]
                seen = scratch("seen", (len(FROM_WEIGHTS), self.width, BLOCK + 2), source.dtype)
                summed = scratch("summed", (len(FROM_WEIGHTS), self.width, BLOCK), source.dtype)
                convolve_rows(source, weight, bias, *bands[layer], *place, UNROLLED, seen, summed, target)


def _move_up(tiles: list[np.ndarray], bands: list[tuple[int, int]]) -> None:
    """Keep the last rows of each layer, from the ``TILE`` above, that the next layer's new rows need beside its own."""
    for tile, (known, _), (new, _) in zip(tiles[:-1], bands[:-1], bands[1:], strict=True):
        tile[:, new - 1 : known] = tile[:, TILE[0] + new - 1 : TILE[0] + known]


def _tile_columns(width: int, margins: int) -> int:
    """Return the columns of a tile with margins, in whole blocks: of all numbers of tiles, the one with least work."""
    fewest = -(-width // (TILE[1] - margins))
    rounded = [-(-(-(-width // tiles) + margins) // BLOCK) * BLOCK for tiles in range(fewest, 2 * fewest + 1)]
    return min(rounded, key=lambda columns: -(-width // (columns - margins)) * columns)


def _differences(weight: np.ndarray, inputs: list[int]) -> np.ndarray:
    """Return the taps of a layer whose weights sum to 0 over each input, so that maps don't depend on brightness."""
    parts = np.split(weight, np.cumsum(inputs)[:-1], axis=1)
    return _taps(np.concatenate([part - part.mean((1, 2, 3), keepdims=True) for part in parts], axis=1))


def _taps(weight: np.ndarray) -> np.ndarray:
    """Reshape (outputs, inputs, 3, 3) to (outputs, inputs, 9), with zeros for outputs up to whole groups."""
    return in_groups(weight.reshape(*weight.shape[:2], 9))


def _sums_of_rows(weight: np.ndarray) -> np.ndarray:
    """Weights (outputs, inputs, 3, 3) for :func:`pkn.nets.map_net.conv_kernels.convolve_rows`."""
    whole = in_groups(in_groups(weight), 1)
    sums = np.einsum("tr,oirc->toic", FROM_WEIGHTS, whole.astype(np.float64)).astype(np.float32)
    return np.ascontiguousarray(sums.reshape(*sums.shape[:2], -1, 9))


def in_groups(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Pad an axis with zeros to whole groups."""
    missing = [(0, 0)] * values.ndim
    missing[axis] = (0, -values.shape[axis] % GROUP)
    return np.ascontiguousarray(np.pad(values, missing))
