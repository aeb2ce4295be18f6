"""Prediction of maps without torch: tile by tile through the kernels of ``conv_kernels``."""

from pathlib import Path
from typing import Any

import numpy as np

from pkn.filters import MapRange
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.engine.threads import run_strips, scratch
from pkn.nets.map_net.architecture import FEATURE_SIDE, SIGMA_FLOOR, Architecture
from pkn.nets.map_net.conv_kernels import BLOCK, GROUP, begin, combine, convolve, correlate, expand, fill, fold
from pkn.nets.map_net.noise_level import estimate_sigma
from pkn.nets.weights import read_weights

TILE = (32, 8 * BLOCK)  # rows, and columns with margins at most: the layers of a tile fit the caches
UNROLLED = (0,)  # see conv_kernels.convolve


class Predictor:
    """Predicts a filter's maps for every pixel of an image: the forward pass of :class:`pkn.nets.MapNet`.

    Results are bit-identical for any number of threads.

    Parameters
    ----------
    architecture : Architecture
    weights : dict of float32 arrays
        With the names and shapes of ``architecture.shapes()``.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.nets import load_predictor
    >>> from pkn.pretrained import weights_folder
    >>> predictor = load_predictor(weights_folder() / "bilateral-grey.safetensors")
    >>> maps = predictor(np.zeros((1, 1, 20, 30), np.float32), sigma=np.array([0.1], np.float32))
    >>> maps._fields, maps.sigma_range.shape
    (('sigma_space', 'sigma_range'), (1, 1, 20, 30))
    """

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray]) -> None:
        self.architecture, self.weights = architecture, weights
        self.filter, self.channels, self.noise = architecture.filter, architecture.channels, architecture.noise
        self.width = architecture.width + -architecture.width % GROUP  # channels of features, in whole groups
        levels = range(len(architecture.names))
        self._stems = [_differences(weights[f"stems.{level}.weight"]) for level in levels]
        self._starts = [
            (_padded(weights[f"stems.{level}.bias"]), _padded(weights[f"scales.{level}.weight"].ravel()))
            for level in levels
        ]
        trunk = range(1, 2 * architecture.depth - 1, 2)
        self._trunk = [
            (_padded(_taps(weights[f"trunk.{i}.weight"]), 1), _padded(weights[f"trunk.{i}.bias"])) for i in trunk
        ]
        self._heads = [
            (_padded(weights[f"heads.{level}.weight"][:, :, 0, 0], 1), weights[f"heads.{level}.bias"])
            for level in levels
        ]

    def __call__(self, image: np.ndarray, sigma: np.ndarray | None = None) -> Any:
        """Predict maps.

        Parameters
        ----------
        image : float32 array of shape (N, C, H, W)
        sigma : array of shape (N,) or (N, 1, H, W), optional
            The noise level of each image or pixel, in image values; estimated if None.

        Returns
        -------
        NamedTuple of float32 arrays (N, planes, H, W), of the filter's ``Maps`` type
        """
        sigma = estimate_sigma(image) if sigma is None else sigma
        maps = [self._maps_of(one, np.atleast_2d(np.squeeze(level))) for one, level in zip(image, sigma, strict=True)]
        return self.filter.Maps(*(_stacked([each[name] for each in maps]) for name in self.filter.Maps._fields))  # type: ignore[attr-defined]

    def _maps_of(self, image: np.ndarray, sigma: np.ndarray) -> dict[str, np.ndarray]:
        """Maps (planes, H, W) of image (C, H, W); ``sigma`` (1, 1) or (H, W)."""
        images, sigmas = [image], [sigma.astype(np.float32, copy=False)]
        while len(images) < len(self.architecture.names):
            images.append(halve(images[-1]))
            sigmas.append(halve(sigmas[-1]) if sigma.size > 1 else sigmas[-1])
        maps: dict[str, np.ndarray] = {}
        features = np.empty((0, 0, 0), np.float32)
        for level in reversed(range(len(images))):
            here, features = self.predict_level(level, images[level], sigmas[level], features)
            maps |= here
        return maps

    def predict_level(
        self, level: int, image: np.ndarray, sigma: np.ndarray, coarser: np.ndarray
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Predict the maps of one pyramid level.

        Parameters
        ----------
        level : int
            The pyramid level, 0 for the finest.
        image : array of shape (C, H, W)
            The image on that level.
        sigma : array of shape (1, 1) or (H, W)
            The noise level.
        coarser : array of shape (width, H / (2 down), W / (2 down))
            Features of the next coarser level; empty on the coarsest.

        Returns
        -------
        maps : dict of arrays (planes, H, W)
        features : array of shape (width, H / down, W / down)
            For the next finer level; empty on level 0.
        """
        raw, features = self._features(level, image, sigma + np.float32(SIGMA_FLOOR), coarser)
        return {**self._written(level, raw, image.shape[1:]), **self._guides(level, image)}, features

    @property
    def margin(self) -> int:
        """Pixels of a level around a part of it that the part's maps depend on, apart from coarser levels."""
        return max(self.architecture.down * (self.architecture.depth + 1), FEATURE_SIDE // 2)

    def _features(
        self, level: int, image: np.ndarray, scale: np.ndarray, coarser: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the output of the level's head, at 1 / down of the resolution, and the features before it."""
        down, depth = self.architecture.down, self.architecture.depth
        size = tuple(-(-side // down) for side in image.shape[1:])
        raw = np.empty((len(self._heads[level][1]), *size), np.float32)
        width = self.width
        features = np.empty((width, *size) if level else (width, 0, 0), np.float32)
        noise = np.log2(_means(scale, down) / np.float32(0.1))
        columns = _tile_columns(size[1], 2 * depth - 2) + 2

        def task(n: int, start: int, stop: int) -> None:
            rows = stop - start + 2 * depth
            folded = scratch("folded", (image.shape[0] * down * down, rows, columns), image.dtype)
            tiles = [scratch(name, (width, rows, columns), image.dtype) for name in ("layer", "next layer")]
            for x in range(0, size[1], columns - 2 * depth):
                place = (start - depth, x - depth)
                fold(image, scale, down, *place, folded)
                begin(*self._starts[level], noise, coarser, *place, tiles[0])
                convolve(folded, self._stems[level], 1, rows - 1, *place, *size, UNROLLED, tiles[0])
                for layer, (weight, bias) in enumerate(self._trunk, 2):
                    tiles.reverse()
                    fill(bias, tiles[0])
                    convolve(tiles[1], weight, layer, rows - layer, *place, *size, UNROLLED, tiles[0])
                combine(tiles[0], *self._heads[level], depth, UNROLLED, start, x, raw)
                if level:
                    inner = tiles[0][:, depth : rows - depth, depth : depth + size[1] - x][..., : columns - 2 * depth]
                    features[:, start:stop, x : x + inner.shape[2]] = inner

        run_strips(task, 1, size[0], TILE[0])
        return raw, features

    def _written(self, level: int, raw: np.ndarray, size: tuple[int, ...]) -> dict[str, np.ndarray]:
        maps, first = {}, 0
        for name, planes in zip(self.architecture.written(level), self.architecture.planes(level), strict=True):
            maps[name] = self._expanded(raw[first : first + planes], self.filter.ranges[name], size)
            first += planes
        return maps

    def _expanded(self, raw: np.ndarray, limits: MapRange, size: tuple[int, ...]) -> np.ndarray:
        out = np.empty((len(raw), *size), np.float32)
        squash = self.architecture.down, limits.low, limits.high, limits.logarithmic

        def task(n: int, start: int, stop: int) -> None:
            expand(raw, *squash, start, stop, out)

        run_strips(task, 1, size[0], TILE[0])
        return out

    def _guides(self, level: int, image: np.ndarray) -> dict[str, np.ndarray]:
        around = FEATURE_SIDE // 2
        padded = np.pad(image, [(0, 0), (around, around), (around, around)], mode="edge")
        return {
            name: _correlated(padded, self.weights[f"features.{name}.weight"])
            for name in self.architecture.guides(level)
        }


def _tile_columns(width: int, margins: int) -> int:
    """Return the columns of a tile with margins, in whole blocks, for the fewest tiles of about the same size."""
    tiles = -(-width // (TILE[1] - margins))
    return -(-(-(-width // tiles) + margins) // BLOCK) * BLOCK


def _stacked(maps: list[np.ndarray]) -> np.ndarray:
    return maps[0][None] if len(maps) == 1 else np.stack(maps)


def _correlated(padded: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return linear features (features, H, W) of a padded image (C, H + 4, W + 4)."""
    side = weight.shape[-1] - 1
    out = np.empty((len(weight), padded.shape[1] - side, padded.shape[2] - side), np.float32)
    weight = _padded(weight)

    def task(n: int, start: int, stop: int) -> None:
        correlate(padded, weight, start, stop, UNROLLED, out)

    run_strips(task, 1, out.shape[1], TILE[0])
    return out


def load_predictor(path: str | Path) -> Predictor:
    """Read a network for prediction without torch.

    Parameters
    ----------
    path : str or Path
        A ``.safetensors`` file.

    Raises
    ------
    ValueError
        If names, shapes, dtypes or sizes aren't the architecture's, or a weight isn't finite.
    FileNotFoundError, IsADirectoryError

    Examples
    --------
    >>> from pkn.nets import load_predictor
    >>> from pkn.pretrained import weights_folder
    >>> load_predictor(weights_folder() / "bilateral-grey.safetensors").filter
    Bilateral(radius=7, border='reflect')
    """
    return Predictor(*read_weights(path))


def _differences(weight: np.ndarray) -> np.ndarray:
    """Return the taps of a layer whose weights sum to 0, so that maps don't depend on brightness."""
    return _taps(weight - weight.mean((1, 2, 3), keepdims=True))


def _taps(weight: np.ndarray) -> np.ndarray:
    """Reshape (outputs, inputs, 3, 3) to (outputs, inputs, 9), with zeros for outputs up to whole groups."""
    return _padded(weight.reshape(*weight.shape[:2], 9))


def _padded(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Pad an axis with zeros to whole groups."""
    missing = [(0, 0)] * values.ndim
    missing[axis] = (0, -values.shape[axis] % GROUP)
    return np.ascontiguousarray(np.pad(values, missing))


def _means(scale: np.ndarray, down: int) -> np.ndarray:
    """Return the means of ``down`` x ``down`` values of a map, the edge repeated; a single value stays."""
    if scale.size == 1:
        return scale
    rows, columns = (-(-side // down) for side in scale.shape)
    missing = [(0, size * down - side) for size, side in zip((rows, columns), scale.shape, strict=True)]
    blocks = np.pad(scale, missing, mode="edge").reshape(rows, down, columns, down)
    return np.ascontiguousarray(blocks.mean((1, 3)))
