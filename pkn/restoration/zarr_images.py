"""OME-Zarr images from store to store, denoised plane by plane by Dask."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr

from pkn.io.ome_zarr import create_ome_zarr, open_ome_zarr
from pkn.restoration.denoising import denoise


def denoise_zarr(
    source: Path,
    target: Path,
    net: str,
    *,
    strength: float = 1.0,
    sigma: float | None = None,
    white: float | None = None,
    scheduler: str | None = None,
    progress: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> da.Array:
    """Denoise the full resolution of the OME-Zarr image ``source`` into a new one, ``target``.

    All axes but y and x are looped over (channels too: in microscopy they're different pictures). Axes, units and scale
    are kept, as are chunks, dtype and Zarr version; coarser resolutions aren't written. The result is written beside
    ``target`` first.

    Parameters
    ----------
    source, target : Path
    net, strength, sigma
        As in :func:`pkn.denoise`; ``sigma`` in the image's own values.
    white : float, optional
        The image value that stands for 1; by default the image's largest, for few cameras fill their dtype.
    scheduler : str, optional
        Address of a Dask scheduler; by default this machine's threads. All its workers must see both paths.
    progress : callable, optional
        Gives a context in which the work is done.

    Returns
    -------
    dask.array.Array
        The result, as it stands in ``target``.

    Raises
    ------
    ValueError
        If ``source`` isn't an OME-Zarr image.
    FileExistsError
        If there is something at ``target``.
    """
    group, multiscale = open_ome_zarr(source)
    first = multiscale["datasets"][0]
    array = group[first["path"]]
    names = [axis["name"] for axis in multiscale["axes"]]
    if names[-2:] != ["y", "x"]:
        raise ValueError(f"'{source}' has axes {names}; expected y and x to be the last")
    if target.exists():
        raise FileExistsError(f"'{target}' exists; expected a new name")
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with _client(scheduler), progress():
        image = da.from_zarr(array)
        scale = float(white if white is not None else image.max().compute())
        unit = np.float32(scale if scale > 0 else 1)
        level = None if sigma is None else sigma / unit
        out = denoise(
            image.astype(np.float32) / unit, net, strength=strength, sigma=level, stack_axes=range(image.ndim - 2)
        )
        result = _back(out * unit, image.dtype).rechunk(array.chunks)
        written = create_ome_zarr(partial, group, multiscale, array)
        da.store(result, written, lock=False)
    partial.rename(target)
    return da.from_zarr(zarr.open_group(target, mode="r")[first["path"]])


def _back(values: da.Array, dtype: np.dtype[Any]) -> da.Array:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return da.rint(values).clip(limits.min, limits.max).astype(dtype)


def _client(scheduler: str | None) -> AbstractContextManager[Any]:
    if scheduler is None:
        return nullcontext()
    from dask.distributed import Client

    client: AbstractContextManager[Any] = Client(scheduler)
    return client
