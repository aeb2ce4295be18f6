"""Resolution levels of OME-Zarr images: by which factors each is coarser than the next finer one, and where it lies."""

import math
import re
import warnings
from typing import Any, NamedTuple

import zarr

from pkn.filters.arrays import check_whole_number
from pkn.io.ome_zarr import ZarrImage


class Level(NamedTuple):
    """A resolution level; a plain array is one too.

    Parameters
    ----------
    dataset : dict
        What the metadata say of it: path and coordinate transformations; of a plain array nothing.
    like : zarr.Array
        The array whose chunks, shards, codecs and names it has.
    shape : tuple of int
    factors : tuple of int
        Pixels of the next finer level along each axis that one pixel stands for; a last one may stand for fewer.
    """

    dataset: dict[str, Any]
    like: zarr.Array
    shape: tuple[int, ...]
    factors: tuple[int, ...]


def levels_of(image: ZarrImage, number: int | None = None) -> list[Level]:
    """The levels of an image, the full resolution first.

    Levels whose size isn't the next finer one's over whole numbers, rounded up or down, are left out with a warning.

    Parameters
    ----------
    image : ZarrImage
    number : int, optional
        So many: the first of the image's own, and further ones of half as many rows and columns, rounded up.

    Raises
    ------
    ValueError
        If ``number`` isn't a whole number of at least 1, is more than planes can be halved, or above 1 for a plain
        array.
    """
    wanted = None if number is None else check_whole_number("levels", number)
    array = image.array
    if image.group is None:
        if wanted not in (None, 1):
            raise ValueError(f"levels is {wanted}, but a plain Zarr array has one; expected an OME-Zarr image")
        return [Level({}, array, array.shape, (1,) * array.ndim)]
    datasets = image.multiscale["datasets"]
    levels, left_out = [Level(datasets[0], array, array.shape, (1,) * array.ndim)], []
    for dataset in datasets[1:wanted]:
        if level := _next_level(levels[-1], dataset, image.group.get(str(dataset["path"]))):
            levels.append(level)
        else:
            left_out.append(str(dataset["path"]))
    if left_out:
        warnings.warn(
            f"resolution levels {', '.join(left_out)} are left out; expected sizes of the next finer level over whole"
            " numbers",
            stacklevel=2,
        )
    while wanted and len(levels) < wanted:
        if max(levels[-1].shape[-2:]) == 1:
            rows, columns = array.shape[-2:]
            raise ValueError(f"levels is {wanted}; expected at most {len(levels)} for planes of {rows} x {columns}")
        levels.append(_halved(levels[-1]))
    return levels


def described_by(multiscale: dict[str, Any], levels: list[Level]) -> dict[str, Any]:
    """The metadata of an image with these levels, whose pixels are means over blocks."""
    described = {**multiscale, "datasets": [level.dataset for level in levels]}
    if len(levels) > 1 and "type" in described:
        described["type"] = "mean"  # how the source's were reduced doesn't hold for these
        described.pop("metadata", None)
    return described


def scale_of(image: ZarrImage) -> list[float] | None:
    """The distances of an image's pixels along all axes at full resolution; None where nothing is said of them."""
    if image.group is None:
        return None
    ndim = image.array.ndim
    scale = _vector(image.multiscale["datasets"][0], "scale", ndim)
    further = _vector(image.multiscale, "scale", ndim) or [1.0] * ndim  # of all levels
    return scale and [own * all_levels for own, all_levels in zip(scale, further, strict=True)]


def _next_level(finer: Level, dataset: dict[str, Any], array: Any) -> Level | None:
    """The level of a dataset, if it's an array that whole factors explain."""
    if not isinstance(array, zarr.Array) or array.ndim != len(finer.shape):
        return None
    scale, before = _vector(dataset, "scale", array.ndim), _vector(finer.dataset, "scale", array.ndim)
    ratios = [a / b for a, b in zip(scale, before, strict=True)] if scale and before and all(before) else None
    factors = [
        _factor(size, coarser, ratios[axis] if ratios else None)
        for axis, (size, coarser) in enumerate(zip(finer.shape, array.shape, strict=True))
    ]
    if None in factors:
        return None
    return Level(dataset, array, array.shape, tuple(factor for factor in factors if factor))


def _factor(size: int, coarser: int, ratio: float | None) -> int | None:
    """The whole number that makes a side the coarser level's, rounded up or down; the ratio of scales is a hint."""
    for guess in (ratio, size / max(coarser, 1)):
        factor = max(round(guess), 1) if guess else 1
        if coarser in (size // factor, -(-size // factor)):
            return factor
    return None


def _halved(finer: Level) -> Level:
    """The level of half as many rows and columns."""
    factors = (1,) * (len(finer.shape) - 2) + tuple(min(side, 2) for side in finer.shape[-2:])
    shape = tuple(-(-side // factor) for side, factor in zip(finer.shape, factors, strict=True))
    dataset: dict[str, Any] = {"path": _next_path(str(finer.dataset["path"]))}
    if transformations := _reduced(finer.dataset, factors):
        dataset["coordinateTransformations"] = transformations
    return Level(dataset, finer.like, shape, factors)


def _next_path(path: str) -> str:
    number = re.search(r"\d+$", path)
    return f"{path[: number.start()]}{int(number[0]) + 1}" if number else f"{path}1"


def _reduced(dataset: dict[str, Any], factors: tuple[int, ...]) -> list[dict[str, Any]] | None:
    """Scale and translation of a reduced level; None in versions before 0.4, which have none.

    Coordinates are those of pixels' centres: the first one's is in the middle of those that it stands for.
    """
    scale = _vector(dataset, "scale", len(factors))
    if scale is None:
        return None
    origin = _vector(dataset, "translation", len(factors)) or [0.0] * len(factors)
    middle = [start + step * (factor - 1) / 2 for start, step, factor in zip(origin, scale, factors, strict=True)]
    return [
        {"type": "scale", "scale": [step * factor for step, factor in zip(scale, factors, strict=True)]},
        {"type": "translation", "translation": middle},
    ]


def _vector(dataset: dict[str, Any], kind: str, ndim: int) -> list[float] | None:
    """The numbers of a dataset's scale or translation, if they're there."""
    for transformation in dataset.get("coordinateTransformations", ()):
        values = transformation.get(kind)
        if transformation.get("type") == kind and isinstance(values, list) and len(values) == ndim:
            return values if all(isinstance(value, int | float) and math.isfinite(value) for value in values) else None
    return None
