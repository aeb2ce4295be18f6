"""Denoising Dask arrays: lazily, chunk by chunk with the halo that exactness takes, bit-identical to the whole."""

from collections.abc import Callable, Iterable
from typing import Any

import dask.array as da
import numpy as np

from pkn.filters.arrays import all_finite, target_dtype
from pkn.filters.engine.threads import one_thread
from pkn.nets import Predictor
from pkn.nets.map_net.tiling import alignment, halo
from pkn.restoration.arguments import check_strength
from pkn.restoration.noise_statistics import sampled_axes
from pkn.restoration.planes import filter_planes, told_of

NOT_FINITE = "image has values that are not finite; expected none in a Dask array"


def denoise_chunks(planes: da.Array, network: Predictor, strength: Any, noise: Any, dtype: Any) -> da.Array:
    """Denoise a Dask array (..., C, H, W), each image of (C, H, W) by itself.

    Chunks are moved to multiples of the network's alignment, and joined where they're smaller than its halo. Kernels
    run on the worker's own thread.

    Parameters
    ----------
    planes : dask.array.Array of shape (..., C, H, W)
        Of finite values.
    network : Predictor
    strength, noise, dtype
        As in :func:`pkn.denoise`; ``strength`` is no map, ``noise`` None, a number or a profile.
    """
    power = check_strength(strength)
    target, around = target_dtype(dtype, planes.dtype), halo(network)
    chunks = [aligned(sizes, alignment(network), around) for sizes in planes.chunks[-2:]]
    planes = planes.rechunk((*planes.chunks[:-3], -1, *chunks))
    told = told_of_images(planes, network, noise)
    # A whole side needs no halo, and may be smaller than one.
    depth = {planes.ndim - 2 + n: around for n, sizes in enumerate(chunks) if len(sizes) > 1}
    arrays: Any = (planes, depth), (told, {})
    return map_widened(_denoise_chunk, arrays, target, network=network, strength=power)


def map_widened(
    function: Callable[..., np.ndarray], arrays: Iterable[tuple[da.Array, dict[int, Any]]], target: Any, **settings: Any
) -> da.Array:
    """Chunks of dtype ``target`` by ``function(*chunks, target=target, **settings)``.

    ``arrays`` are given with what each chunk takes of its neighbours, by axis; in the result that is left out again.
    """
    given, depths = zip(*arrays, strict=True)
    nothing = dict.fromkeys(range(given[0].ndim), 0)
    return da.map_overlap(
        function,
        *given,
        depth=[nothing | depth for depth in depths],
        boundary="none",
        dtype=target,
        meta=np.empty((0,) * given[0].ndim, target),
        target=target,
        **settings,
    )


def _denoise_chunk(
    chunk: np.ndarray, told: np.ndarray, network: Predictor, strength: Any, target: np.dtype[Any]
) -> np.ndarray:
    """The chunk's images (..., C, H, W); of each the network is told ``told`` (..., 1, 1, 1)."""
    if not all_finite(chunk):
        raise ValueError(NOT_FINITE)
    out = np.empty(chunk.shape, target)
    with one_thread():
        for index in np.ndindex(chunk.shape[:-3]):
            filter_planes(chunk[index], out[index], network, strength, told[(*index, 0, 0, 0)])
    return out


def told_of_images(planes: da.Array, network: Predictor, noise: Any) -> da.Array:
    """What the network is told of each image: objects (..., 1, 1, 1)."""
    rows, columns = sampled_axes(planes.shape[-2:])
    sample = planes[..., rows, :][..., columns].rechunk((*(1,) * (planes.ndim - 3), -1, -1, -1))

    def tell(part: np.ndarray) -> np.ndarray:
        if not all_finite(part):
            raise ValueError(NOT_FINITE)
        told = np.empty((*part.shape[:-3], 1, 1, 1), object)
        for index in np.ndindex(part.shape[:-3]):
            told[(*index, 0, 0, 0)] = told_of(network, part[index], noise)
        return told

    chunks = (*sample.chunks[:-3], 1, 1, 1)
    told = sample.map_blocks(tell, chunks=chunks, dtype=object, meta=np.empty((0,) * planes.ndim, object))
    return told.rechunk((*planes.chunks[:-3], 1, 1, 1))


def aligned(sizes: tuple[int, ...], step: int, smallest: int) -> tuple[int, ...]:
    """Chunk sizes near the given ones that begin at multiples of ``step``, none smaller than ``smallest``."""
    total, starts = sum(sizes), [0]
    for end in np.cumsum(sizes)[:-1]:
        start = round(int(end) / step) * step
        if start - starts[-1] >= smallest and total - start >= smallest:
            starts.append(start)
    return tuple(int(size) for size in np.diff([*starts, total]))
