"""OME-Zarr images along depth or time: which axis it is, how far planes are apart, and frames one at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import zarr

from pkn.filters.arrays import check_spacing
from pkn.io.ome_zarr import ZarrImage
from pkn.io.zarr_levels import scale_of
from pkn.restoration.sequences import Series, series_of
from pkn.restoration.series import denoise_images


def series_in_zarr(
    image: ZarrImage, *, depth: bool, time: bool, spacing: Sequence[float] | None, neighbours: int, causal: bool
) -> Series | None:
    """The series along the axis z or t, with the image's own scale where ``spacing`` is None.

    Raises
    ------
    ValueError
        If the image hasn't that axis.
    """
    if not (depth or time):
        return None
    name, names = "z" if depth else "t", image.axes
    if "axes" not in image.multiscale and len(names) == 3:  # one axis alone, of which nothing is said
        names = [name, *names[1:]]
    if name not in names:
        raise ValueError(f"the Zarr image has axes {names}; expected {name} among them")
    at = names.index(name)
    series = series_of(at if time else None, at if depth else None, spacing, neighbours, causal)
    if depth and spacing is None and series is not None:
        return series._replace(spacing=_spacing(scale_of(image), at))
    return series


def _spacing(scale: list[float] | None, at: int) -> tuple[float, float, float]:
    """Of planes, rows and columns, by an image's scale; ones where it has none that can be."""
    try:
        return check_spacing([scale[at], *scale[-2:]] if scale else (1, 1, 1))
    except ValueError:
        return 1.0, 1.0, 1.0


def denoise_zarr_frames(
    source: zarr.Array,
    target: zarr.Array,
    series: Series,
    net: Any,
    *,
    strength: Any,
    noise: Any,
    callback: Callable[[int, int], None],
) -> None:
    """Denoise an array (..., H, W) along time into another, in the memory of a few frames.

    All axes but time, rows and columns are looped over.
    """
    others = [axis for axis in range(source.ndim - 2) if axis != series.axis]
    number, done = source.shape[series.axis], 0
    total = int(np.prod(source.shape[:-2]))
    for index in np.ndindex(*(source.shape[axis] for axis in others)):
        places = [(*index[: series.axis], n, *index[series.axis :]) for n in range(number)]
        frames = (np.asarray(source[place]) for place in places)
        results = denoise_images(frames, series, net, None, strength=strength, noise=noise, dtype="same")
        for place, result in zip(places, results, strict=True):
            target[place] = result
            done += 1
            callback(done, total)
