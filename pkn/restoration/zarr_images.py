"""OME-Zarr images from store to store, denoised plane by plane by Dask."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import dask.array as da
import zarr

from pkn.filters.arrays import FULL_RANGE, native
from pkn.io.atomic import atomic_folder
from pkn.io.image_file import check_size
from pkn.io.ome_zarr import axis_names, create_ome_zarr, open_ome_zarr
from pkn.restoration.arguments import known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.stacks import denoise_dask


def denoise_zarr(
    source: Path,
    target: Path,
    net: str,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    max_pixels: int | None = None,
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
    net, strength, sigma, noise
        As in :func:`pkn.denoise`; ``sigma`` in the image's own values, counts for integers.
    max_pixels : int, optional
        Refuse images whose planes have more pixels.
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
    names = axis_names(multiscale, array.ndim)
    if max_pixels is not None:
        check_size(array.shape[-1], array.shape[-2], max_pixels)
    if names[-2:] != ["y", "x"]:
        raise ValueError(f"'{source}' has axes {names}; expected y and x to be the last")
    with atomic_folder(target) as temporary, _client(scheduler), progress():
        image = da.from_zarr(array)
        level = None if sigma is None else sigma / FULL_RANGE.get(native(image.dtype), 1)
        known = known_noise(level, noise)
        out = denoise_dask(
            image, net, None, range(image.ndim - 2), strength=strength, noise=known, mask=None, dtype="same"
        )
        written = create_ome_zarr(temporary, group, multiscale, array)
        da.store(out.rechunk(array.chunks), written, lock=False)
    return da.from_zarr(zarr.open_group(target, mode="r")[first["path"]])


def _client(scheduler: str | None) -> AbstractContextManager[Any]:
    if scheduler is None:
        return nullcontext()
    from dask.distributed import Client

    client: AbstractContextManager[Any] = Client(scheduler)
    return client
