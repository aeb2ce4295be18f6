"""Zarr arrays and OME-Zarr images from store to store, denoised by Dask; along time frame by frame."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from pkn.filters.arrays import FULL_RANGE, WIDE, native
from pkn.io.atomic import atomic_folder
from pkn.io.image_file import check_size
from pkn.io.ome_zarr import open_zarr
from pkn.io.zarr_levels import levels_of
from pkn.io.zarr_stores import create_like, written_together
from pkn.restoration.arguments import known_noise
from pkn.restoration.dask_means import means_over_blocks
from pkn.restoration.denoising import predict_maps
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.sequences import NEIGHBOURS
from pkn.restoration.stacks import denoise_dask
from pkn.restoration.zarr_series import denoise_zarr_frames, series_in_zarr


def denoise_zarr(
    source: Path,
    target: Path,
    net: str,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    depth: bool = False,
    time: bool = False,
    spacing: Sequence[float] | None = None,
    neighbours: int = NEIGHBOURS,
    causal: bool = False,
    levels: int | None = None,
    max_pixels: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> da.Array:
    """Denoise a plain array, or an OME-Zarr image, into a new one, ``target``.

    All axes but y and x, and z or t with ``depth`` or ``time``, are looped over (channels too: in microscopy they're
    different pictures). Axes, units and scale
    are kept, as are chunks, shards, codecs, dtype and Zarr version. Of an OME-Zarr image the full resolution is
    denoised; the coarser levels that it has are means over blocks of the result. The result is written beside
    ``target`` first.

    Parameters
    ----------
    source, target : Path
    net, strength, sigma, noise
        As in :func:`pkn.denoise`; ``sigma`` in the image's own values, counts for integers.
    depth, time : bool
        Whether planes along z, or frames along t, are denoised together, as :func:`pkn.denoise` does with
        ``depth_axis`` or ``time_axis``. Frames are read and written one at a time.
    spacing : (float, float, float), optional
        With ``depth``, distances of planes, rows and columns; by default the image's scale.
    neighbours, causal
        As in :func:`pkn.denoise`.
    levels : int, optional
        Resolution levels of the result, if it is to have fewer or more than the OME-Zarr image: further ones halve y
        and x.
    max_pixels : int, optional
        Refuse images whose planes have more pixels.
    scheduler : str, optional
        Address of a Dask scheduler; by default this machine's threads. All its workers must see both paths.
    progress : callable, optional
        Gives a context in which the work is done, and ``callback(done, total)`` for frames, or None.

    Returns
    -------
    dask.array.Array
        The result, as it stands in ``target``.

    Raises
    ------
    ValueError
        If ``source`` is neither an array nor an OME-Zarr image, y and x aren't its last axes, it has no z or t where
        ``depth`` or ``time`` asks for it, or can't have so many levels.
    FileExistsError
        If there is something at ``target``.
    """
    opened = open_zarr(source)
    array, names = opened.array, opened.axes
    if names[-2:] != ["y", "x"]:
        raise ValueError(f"'{source}' has axes {names}; expected y and x to be the last")
    if max_pixels is not None:
        check_size(array.shape[-1], array.shape[-2], max_pixels)
    said: dict[str, Any] = {
        "depth": depth,
        "time": time,
        "spacing": spacing,
        "neighbours": neighbours,
        "causal": causal,
    }
    series, pyramid = series_in_zarr(opened, **said), levels_of(opened, levels)
    known = known_noise(_as_fraction(sigma, array.dtype), noise)
    with atomic_folder(target) as temporary, _client(scheduler), progress() as callback:
        arrays = create_like(opened, pyramid, temporary)
        if series is not None and not series.deep:
            tell = callback or (lambda done, total: None)
            denoise_zarr_frames(array, arrays[0], series, net, strength=strength, noise=known, callback=tell)
        else:
            image = da.from_zarr(array)
            others = [axis for axis in range(image.ndim - 2) if series is None or axis != series.axis]
            settings = {"strength": strength, "noise": known, "mask": None, "dtype": "same"}
            out = denoise_dask(image, net, None, others, series, **settings)
            da.store(out.rechunk(written_together(arrays[0])), arrays[0], lock=False)
        for level, finer, coarser in zip(pyramid[1:], arrays, arrays[1:], strict=False):
            means = means_over_blocks(finer, level.factors, level.shape, written_together(coarser))
            da.store(means, coarser, lock=False)
    return da.from_zarr(target, component=opened.path or None)


def predict_zarr_maps(
    source: Path, net: str, *, strength: Any = 1.0, sigma: float | None = None, noise: NoiseProfile | None = None
) -> Iterator[ParameterMaps]:
    """The maps of each plane, one after the other, with which :func:`denoise_zarr` denoises it, bit for bit."""
    array = open_zarr(source).array
    settings = {"strength": strength, "sigma": _as_fraction(sigma, array.dtype), "noise": noise}
    for index in np.ndindex(array.shape[:-2]):
        yield predict_maps(np.asarray(array[index]), net, **settings)


def check_replayable(source: Path) -> None:
    """Raise ValueError if maps wouldn't give the result's bits again: wide values are filtered as float32 by Dask."""
    dtype = native(open_zarr(source).array.dtype)
    if dtype in WIDE:
        raise ValueError(f"a receipt was asked for of a Zarr image of {dtype}; expected uint8, uint16 or float32")


def _as_fraction(sigma: float | None, dtype: np.dtype[Any]) -> float | None:
    return None if sigma is None else sigma / FULL_RANGE.get(native(dtype), 1)


def _client(scheduler: str | None) -> AbstractContextManager[Any]:
    if scheduler is None:
        return nullcontext()
    from dask.distributed import Client

    client: AbstractContextManager[Any] = Client(scheduler)
    return client
