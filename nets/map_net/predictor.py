"""Prediction of maps without torch: tile by tile through the kernels of ``conv_kernels``."""

import math
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import Filter, LumaChromaPyramid
from pkn.filters.engine.borders import border_index, pad_rows
from pkn.filters.engine.memory import contiguous, empty
from pkn.filters.engine.pyramid_levels import halve, level_size
from pkn.filters.engine.threads import run_strips, scratch
from pkn.filters.luma_chroma_pyramid import to_opponent, to_rgb
from pkn.filters.pyramid import Part
from pkn.nets.map_net.architecture import FEATURE_SIDE, SECOND, SIGMA_FLOOR, Architecture
from pkn.nets.map_net.conv_kernels import correlate, expand
from pkn.nets.map_net.layers import UNROLLED, Layers, in_groups
from pkn.nets.map_net.noise_level import BY_LEVEL, block_means, estimate_sigma, floors, white_noise
from pkn.nets.weights import read_weights

STRIP = 64  # rows of what surrounds the layers
IN_IMAGE_VALUES = ("image value", "guide value")  # units of maps that scale with the image


class Span(NamedTuple):
    """What an image's values span: its black, and its contrast from there on."""

    black: float = 0.0
    contrast: float = 1.0


WHOLE = Span()


class Coarser(NamedTuple):
    """What a level needs of the next coarser one.

    Parameters
    ----------
    features : array of shape (width, H / (2 down), W / (2 down))
    results : list of arrays (C, H / 2, W / 2)
        What the first of two passes makes of the planes of each pyramid that the filter consists of; else empty.
    """

    features: np.ndarray
    results: list[np.ndarray]


NOTHING = Coarser(np.empty((0, 0, 0), np.float32), [])


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
    >>> maps = predictor(np.zeros((1, 1, 20, 30), np.float32), noise=np.array([0.1], np.float32))
    >>> maps._fields, maps.sigma_range.shape
    (('sigma_space', 'sigma_range'), (1, 1, 20, 30))
    """

    def __init__(self, architecture: Architecture, weights: dict[str, np.ndarray]) -> None:
        self.architecture, self.weights = architecture, weights
        self.filter, self.channels, self.noise = architecture.filter, architecture.channels, architecture.noise
        self._layers = Layers(architecture, weights)
        self.width = self._layers.width  # channels of features

    @property
    def first(self) -> "Predictor":
        """For the first pass alone."""
        shared = {name: values for name, values in self.weights.items() if not name.startswith(SECOND)}
        return Predictor(replace(self.architecture, passes=1), shared)

    @cached_property
    def second(self) -> "Predictor | None":
        """For the second pass, if there is one."""
        if self.architecture.passes == 1:
            return None
        own = {name.removeprefix(SECOND): self.weights[name] for name in self.weights if name.startswith(SECOND)}
        first = self.first
        return Predictor(first.architecture, first.weights | own)

    def __call__(
        self, image: np.ndarray, noise: Any = None, span: Span = WHOLE, first: np.ndarray | None = None
    ) -> Any:
        """Predict maps.

        Parameters
        ----------
        image : float32 array of shape (N, C, H, W)
        noise : array of shape (N,) or (N, 1, H, W), or list of N NoiseCurve, optional
            The noise level of each image or pixel, in image values, or what else the network is told (see
            :class:`pkn.nets.Architecture`); estimated as white noise if None.
        span : Span
            The image's black and contrast, which were 0 and 1 in training. Maps in image values scale with it.
        first : float32 array of shape (N, C, H, W), optional
            For the second pass of volumes: the first one's result, of which, and of the image, guides are made then.

        Returns
        -------
        NamedTuple of float32 arrays (N, planes, H, W), of the filter's ``Maps`` type
        """
        noise = estimate_sigma(image) if noise is None else noise
        guided = repeat(None) if first is None else first
        maps = [self._maps_of(*each, span) for each in zip(image, map(self.told, noise), guided, strict=False)]
        return self.filter.Maps(*(_stacked([each[name] for each in maps]) for name in self.filter.Maps._fields))  # type: ignore[attr-defined]

    def told(self, noise: Any) -> Any:
        """What the network is told of one image's noise: a curve or a map by level, or an array (1, 1) or (H, W)."""
        if isinstance(noise, BY_LEVEL):
            return noise
        if self.architecture.by_level:
            return white_noise(self.filter, noise)
        return np.atleast_2d(np.squeeze(noise)).astype(np.float32, copy=False)

    def _maps_of(self, image: np.ndarray, told: Any, first: np.ndarray | None, span: Span) -> dict[str, np.ndarray]:
        """Maps (planes, H, W) of image (C, H, W), guides of a first result; ``told`` as from :meth:`told`."""
        images = [planes_of(self.filter, image)]
        noises = [told]
        while len(images) < len(self.architecture.names):
            images.append(halve(images[-1]))
            whole = isinstance(told, BY_LEVEL) or told.size == 1
            noises.append(noises[-1] if whole else halve(noises[-1]))
        maps: dict[str, np.ndarray] = {}
        coarser = NOTHING
        for level in reversed(range(len(images))):
            here, coarser = self.predict_level(level, images[level], noises[level], coarser, span)
            maps |= here
        return maps if first is None else maps | self._guides_of(np.concatenate([first, image]))

    def _guides_of(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The guides of image (C, H, W), or of a first result and the image (2 C, H, W), on all levels."""
        images = [planes_of(self.filter, image)]
        while len(images) < len(self.architecture.names) + max(lag for _, lag, _ in self.architecture.folds):
            images.append(halve(images[-1]))
        guides: dict[str, np.ndarray] = {}
        for level in range(len(self.architecture.names)):
            guides |= self._guides(level, images[level:])
        return guides

    def predict_level(
        self, level: int, image: np.ndarray, noise: Any, coarser: Coarser = NOTHING, span: Span = WHOLE
    ) -> tuple[dict[str, np.ndarray], Coarser]:
        """Predict the maps of one level, of the last pass.

        Parameters
        ----------
        level : int
            The level, 0 for the finest.
        image : array of shape (C, H, W)
            The planes of the filter (see :func:`planes_of`) on that level.
        noise : NoiseCurve, NoiseMap, ScaledCurve or array of shape (1, 1) or (H, W)
            What the network is told of the noise.
        coarser : Coarser
            Of the next coarser level; nothing on the coarsest.
        span : Span
            As in a call.

        Returns
        -------
        maps : dict of arrays (planes, H, W)
        Coarser
            For the next finer level; without features on level 0.
        """
        images = [image]
        for _ in range(max(lag for _, lag, _ in self.architecture.folds)):
            images.append(halve(images[-1]))
        scales = self._scales(level, image, noise, span.contrast)
        raw, features = self._features(level, images, scales, coarser.features, span)
        maps = self._written(level, raw, image.shape[1:], span.contrast) | self._guides(level, images)
        if not self.architecture.chained:
            return maps, Coarser(features, [])
        results = self._first_results(level, images, maps, coarser.results)
        del maps  # of a large tile they are half of its memory
        again = self._written(level, raw[sum(self.architecture.planes(level)) :], image.shape[1:], span.contrast)
        del raw
        return again | self._guides_again(level, images, results), Coarser(features, results)

    def _first_results(
        self, level: int, images: list[np.ndarray], maps: dict[str, np.ndarray], coarser: list[np.ndarray]
    ) -> list[np.ndarray]:
        """What the maps of the first pass make of a level, for each pyramid of the filter."""
        return [
            filtered_part(part, level, part.lag, images, maps, coarser[k] if coarser else None)
            for k, part in enumerate(self.architecture.first_parts)
        ]

    def _guides_again(self, level: int, images: list[np.ndarray], results: list[np.ndarray]) -> dict[str, np.ndarray]:
        """The guides of the second pass; see :meth:`pkn.nets.Architecture.guide_size`."""
        guides = {}
        for k, part in enumerate(self.architecture.parts):
            beside = halve(results[k - 1]) if k else images[part.lag][part.channels]
            name = part.full(f"guide_{level + part.lag}")
            guides[name] = self._guide(SECOND, name, results[k], beside)
        return guides

    def _scales(self, level: int, image: np.ndarray, noise: Any, unit: float) -> np.ndarray:
        """Noise levels (inputs, 1, 1), or at each pixel (inputs, H, W) or each block of down x down (inputs, h, w)."""
        if isinstance(noise, BY_LEVEL):
            floor = np.float32(unit) * floors(self.architecture, level)
            return np.asarray(noise.at(self.architecture, level, image[0]) + floor)
        return np.asarray(noise[None] + np.float32(SIGMA_FLOOR * unit))

    def margin(self, level: int) -> int:
        """Pixels of a level around a part of it that the part's maps depend on, apart from coarser levels."""
        smoothing = int(self.architecture.by_level)  # of the intensities at which noise levels are looked up
        return max(self.architecture.down * (self._layers.above(level) + 1 + smoothing), 2 * (FEATURE_SIDE // 2))

    def _features(
        self, level: int, images: list[np.ndarray], scale: np.ndarray, coarser: np.ndarray, span: Span
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the output of the level's head, at 1 / down of the resolution, and the features before it."""
        down = self.architecture.down
        size = -(-images[0].shape[1] // down), -(-images[0].shape[2] // down)
        each_pixel = scale.shape[1:] == images[0].shape[1:] and scale[0].size > 1
        means = np.stack([block_means(each, down) if each_pixel else each for each in scale])
        noise = empty(means.shape, np.float32)

        def task(n: int, start: int, stop: int) -> None:
            np.log2(means[n, start:stop] / np.float32(0.1 * span.contrast), out=noise[n, start:stop])

        run_strips(task, len(means), means.shape[1], STRIP)
        inputs = [
            (np.ascontiguousarray(images[lag][planes]), black, each, 1 if each_pixel else side, (0,) * side)
            for (planes, lag, side), each, black in zip(self.architecture.folds, scale, (span.black, 0.0), strict=False)
        ]
        return self._layers.run(level, inputs, noise, coarser, size)

    def _written(self, level: int, raw: np.ndarray, size: tuple[int, int], unit: float) -> dict[str, np.ndarray]:
        maps: dict[str, np.ndarray] = {}
        parts: list[tuple[Any, ...]] = []
        first = 0
        for name, planes in zip(self.architecture.written(level), self.architecture.planes(level), strict=True):
            factor, limits = self.architecture.enlargement(level, name), self.filter.ranges[name]
            here = level_size(size, int(math.log2(self.architecture.down // factor)))
            scale = unit if limits.unit in IN_IMAGE_VALUES else 1.0
            maps[name] = empty((planes, *here), np.float32)
            squash = limits.low * scale, limits.high * scale, limits.logarithmic
            parts.append((raw[first : first + planes], (0,) * factor, *squash, maps[name]))
            first += planes

        def task(n: int, start: int, stop: int) -> None:
            for own, blocks, *squash, out in parts:
                rows = (len(blocks) * each for each in (start, stop))
                expand(own, blocks, *squash, *rows, out)

        run_strips(task, 1, raw.shape[1], STRIP // 2)
        return maps

    def _guides(self, level: int, images: list[np.ndarray]) -> dict[str, np.ndarray]:
        guides = {}
        for name in self.architecture.guides(level):
            finer = self.architecture.down // self.architecture.enlargement(level, name)
            guides[name] = self._guide("", name, images[int(math.log2(finer))])
        return guides

    def _guide(self, prefix: str, name: str, *images: np.ndarray) -> np.ndarray:
        """Linear features (features, H, W) of the planes of all ``images`` (C, H, W)."""
        weight = in_groups(self.weights[f"{prefix}features.{name}.weight"])
        side, (_, height, width) = weight.shape[-1], images[0].shape
        out = empty((math.prod(self.filter.plane_shape(name)), height, width), np.float32)
        rows, columns = (border_index(length, side // 2, "nearest") for length in (height, width))

        def task(n: int, start: int, stop: int) -> None:
            here, first = rows[start : stop + side - 1], 0
            window = scratch("window", (here.size, weight.shape[1], columns.size), out.dtype)
            for image in images:
                pad_rows(image[None], 0, here, columns, first, window)
                first += len(image)
            correlate(window, weight, (0,) * side, start, UNROLLED, out)

        run_strips(task, 1, height, STRIP)
        return out


def planes_of(flt: Filter, image: np.ndarray) -> np.ndarray:
    """The planes (C, H, W) of an image that the pyramids of ``flt`` take: luma and chroma, or the image itself."""
    return to_opponent(image[None])[0] if isinstance(flt, LumaChromaPyramid) else contiguous(image)


def image_of(flt: Filter, planes: list[np.ndarray]) -> np.ndarray:
    """The image (C, H, W) of the results of the pyramids of ``flt``; the inverse of :func:`planes_of`."""
    return to_rgb(*(each[None] for each in planes))[0] if isinstance(flt, LumaChromaPyramid) else planes[0]


def filtered_part(
    part: Part,
    level: int,
    finest: int,
    images: list[np.ndarray],
    maps: dict[str, np.ndarray],
    coarser: np.ndarray | None,
) -> np.ndarray:
    """What a pyramid of a filter makes of a level, (C, H, W), down to the image that is ``finest`` times halved.

    ``images`` are the level's, of all planes, each half as large as the one before; ``coarser`` is the pyramid's result
    on its next coarser level.
    """
    own = {name: maps[full][None] for name in part.pyramid.ranges if (full := part.full(name)) in maps}
    out = None if coarser is None else coarser[None]
    for lag in range(part.lag, finest - 1, -1):
        planes = np.ascontiguousarray(images[lag][part.channels])[None]
        out = part.pyramid.filter_level(level + lag, planes, own, out)[0]
    assert out is not None
    return np.asarray(out[0])


def _stacked(maps: list[np.ndarray]) -> np.ndarray:
    return maps[0][None] if len(maps) == 1 else np.stack(maps)


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
    >>> load_predictor(weights_folder() / "bilateral-grey.safetensors").filter.ranges.keys()
    dict_keys(['sigma_space', 'sigma_range'])
    """
    return Predictor(*read_weights(path))
