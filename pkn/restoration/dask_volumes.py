"""Volumes as Dask arrays: chunk by chunk with the planes and the halo that exactness takes, bit-identical to the whole.

A result's second pass depends on the first one's results as far as its windows and its network reach, and those on as
much again: both times along all axes.
"""

from collections.abc import Iterator
from typing import Any

import dask.array as da
import numpy as np

from pkn.filters import Filter
from pkn.filters.arrays import all_finite, rounded, target_dtype
from pkn.filters.engine.threads import one_thread
from pkn.nets import Predictor
from pkn.nets.map_net.tiling import Told, alignment, halo
from pkn.restoration.arguments import check_strength
from pkn.restoration.dask_arrays import NOT_FINITE, aligned, map_widened, told_of_images
from pkn.restoration.planes import black_of
from pkn.restoration.sequences import Series
from pkn.restoration.series import deep_net
from pkn.restoration.volumes import denoise_told, planes_around


def denoise_deep_chunks(planes: da.Array, net: Any, series: Series, strength: Any, noise: Any, dtype: Any) -> da.Array:
    """Denoise a Dask array (..., D, C, H, W), each volume of (D, C, H, W) by itself.

    Chunks are moved to multiples of the network's alignment, and joined where they're smaller than what is needed
    around them. Kernels run on the worker's own thread.

    Parameters
    ----------
    planes : dask.array.Array of shape (..., D, C, H, W)
        Of finite values.
    net, strength, noise, dtype
        As in :func:`pkn.denoise`; ``strength`` is no map, ``noise`` None, a number or a profile.
    series : Series
        Of depth.
    """
    network, flt = deep_net(net, planes.shape[-3], series)
    power, target = check_strength(strength), target_dtype(dtype, planes.dtype)
    beside = halo(network) * (1 if network.second is None else 2)
    before, after = planes_around(network, flt)
    deep = aligned(planes.chunks[-4], 1, max(before, after))
    rows, columns = (aligned(sizes, alignment(network), beside) for sizes in planes.chunks[-2:])
    planes = planes.rechunk((*planes.chunks[:-4], deep, -1, rows, columns))
    told = told_of_images(planes, network, noise)
    # A whole side needs nothing around it, and may be smaller.
    along = {planes.ndim - 4: (before, after)} if len(deep) > 1 else {}
    around = {planes.ndim + n: beside for n, sizes in ((-2, rows), (-1, columns)) if len(sizes) > 1}
    arrays: Any = (planes, along | around), (told, along), (told[..., :1, :, :, :], {})
    return map_widened(_denoise_chunk, arrays, target, network=network, flt=flt, strength=power)


def _denoise_chunk(
    chunk: np.ndarray,
    told: np.ndarray,
    first: np.ndarray,
    network: Predictor,
    flt: Filter,
    strength: Any,
    target: np.dtype[Any],
) -> np.ndarray:
    """The chunk's volumes (..., D, C, H, W); ``told`` (..., D, 1, 1, 1) is of planes, ``first`` of the first."""
    if not all_finite(chunk):
        raise ValueError(NOT_FINITE)
    out = np.empty(chunk.shape, target)
    with one_thread():
        for index in np.ndindex(chunk.shape[:-4]):
            black = black_of(chunk.dtype, first[(*index, 0, 0, 0, 0)])
            results = denoise_told(_pairs(chunk[index], told[index]), black, network, flt, strength)
            for plane, result in zip(out[index], results, strict=True):
                plane[...] = rounded(result, target)
    return out


def _pairs(planes: np.ndarray, told: np.ndarray) -> Iterator[tuple[np.ndarray, Told]]:
    return zip(planes, told[:, 0, 0, 0], strict=True)
