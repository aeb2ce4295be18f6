"""Denoising Dask arrays: lazily, chunk by chunk with the halo that exactness takes, bit-identical to the whole."""

from typing import Any

import dask.array as da
import numpy as np

from pkn.filters.arrays import all_finite, target_dtype
from pkn.filters.engine.threads import one_thread
from pkn.nets import Predictor
from pkn.nets.map_net.noise_level import sampled_rows, sigma_of_rows
from pkn.nets.map_net.tiling import alignment, halo
from pkn.restoration.arguments import check_sigma, check_strength
from pkn.restoration.planes import filter_planes


def denoise_chunks(planes: da.Array, network: Predictor, strength: Any, sigma: Any, dtype: Any) -> da.Array:
    """Denoise a Dask array (..., C, H, W), each image of (C, H, W) by itself.

    Chunks are moved to multiples of the network's alignment, and joined where they're smaller than its halo. Kernels
    run on the worker's own thread.

    Parameters
    ----------
    planes : dask.array.Array of shape (..., C, H, W)
        Of finite values.
    network : Predictor
    strength, sigma, dtype
        As in :func:`pkn.denoise`, ``strength`` and ``sigma`` numbers.
    """
    power, given = float(check_strength(strength)), check_sigma(sigma)
    target, around = target_dtype(dtype, planes.dtype), halo(network)
    chunks = [_aligned(sizes, alignment(network), around) for sizes in planes.chunks[-2:]]
    planes = planes.rechunk((*planes.chunks[:-3], -1, *chunks))
    levels = _levels(planes) if given is None else da.full((1,) * planes.ndim, given[0], chunks=-1, dtype=np.float32)
    depth = {axis: around if axis >= planes.ndim - 2 else 0 for axis in range(planes.ndim)}
    return da.map_overlap(
        _denoise_chunk,
        planes,
        levels,
        depth=[depth, dict.fromkeys(range(planes.ndim), 0)],
        boundary="none",
        dtype=target,
        meta=np.empty((0,) * planes.ndim, target),
        network=network,
        strength=power,
        target=target,
    )


def _denoise_chunk(
    chunk: np.ndarray, levels: np.ndarray, network: Predictor, strength: float, target: np.dtype[Any]
) -> np.ndarray:
    """The chunk's images (..., C, H, W), each with its noise level (..., 1, 1, 1)."""
    if not (all_finite(chunk) and np.isfinite(levels).all()):
        raise ValueError("image has values that are not finite; expected none in a Dask array")
    out = np.empty(chunk.shape, target)
    levels = np.broadcast_to(levels, (*chunk.shape[:-3], 1, 1, 1))
    with one_thread():
        for index in np.ndindex(chunk.shape[:-3]):
            filter_planes(chunk[index], out[index], network, strength, levels[index].reshape(1))
    return out


def _levels(planes: da.Array) -> da.Array:
    """The noise level of each image, (..., 1, 1, 1)."""
    size = planes.shape[-2:]
    rows = planes[..., sampled_rows(size), :].rechunk((*(1,) * (planes.ndim - 3), -1, -1, -1))
    return rows.map_blocks(
        lambda part: sigma_of_rows(part.reshape(-1, *part.shape[-3:]), size).reshape(*part.shape[:-3], 1, 1, 1),
        chunks=(*rows.chunks[:-3], 1, 1, 1),
        dtype=np.float32,
        meta=np.empty((0,) * planes.ndim, np.float32),
    )


def _aligned(sizes: tuple[int, ...], step: int, smallest: int) -> tuple[int, ...]:
    """Chunk sizes near the given ones that begin at multiples of ``step``, none smaller than ``smallest``."""
    total, starts = sum(sizes), [0]
    for end in np.cumsum(sizes)[:-1]:
        start = round(int(end) / step) * step
        if start - starts[-1] >= smallest and total - start >= smallest:
            starts.append(start)
    return tuple(int(size) for size in np.diff([*starts, total]))
