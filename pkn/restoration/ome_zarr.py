"""OME-Zarr: images of any size, with time, depth and channels, denoised plane by plane by Dask."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import zarr

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
    group, multiscale = _open(source)
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
        written = _create(partial, group, multiscale, array)
        da.store(result, written, lock=False)
    partial.rename(target)
    return da.from_zarr(zarr.open_group(target, mode="r")[first["path"]])


def _back(values: da.Array, dtype: np.dtype[Any]) -> da.Array:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return da.rint(values).clip(limits.min, limits.max).astype(dtype)


def _open(source: Path) -> tuple[zarr.Group, dict[str, Any]]:
    """The group, and what its metadata say of its first image (versions 0.4 and 0.5)."""
    try:
        group = zarr.open_group(source, mode="r")
        attributes = dict(group.attrs)
        described = attributes.get("ome", attributes)["multiscales"][0]
        if not isinstance(group[described["datasets"][0]["path"]], zarr.Array):
            raise TypeError("its first dataset is no array")
        return group, dict(described)
    except (KeyError, IndexError, TypeError, FileNotFoundError) as error:
        raise ValueError(f"'{source}' can't be read as an OME-Zarr image ({error!r})") from None


def _create(partial: Path, group: zarr.Group, multiscale: dict[str, Any], array: zarr.Array) -> zarr.Array:
    """The new group, of one resolution, and its empty array."""
    first = multiscale["datasets"][0]
    described = {**multiscale, "datasets": [first]}
    attributes = dict(group.attrs)
    if "ome" in attributes:
        attributes["ome"] = {**attributes["ome"], "multiscales": [described]}
    else:
        attributes["multiscales"] = [described]
    version = group.metadata.zarr_format
    new = zarr.create_group(partial, zarr_format=version, attributes=attributes)
    options: dict[str, Any] = {"dimension_names": array.metadata.dimension_names} if version == 3 else {}
    return new.create_array(first["path"], shape=array.shape, dtype=array.dtype, chunks=array.chunks, **options)


def _client(scheduler: str | None) -> AbstractContextManager[Any]:
    if scheduler is None:
        return nullcontext()
    from dask.distributed import Client

    client: AbstractContextManager[Any] = Client(scheduler)
    return client
