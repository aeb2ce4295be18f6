"""Means over blocks of pixels: a coarser resolution of an array of any size, by Dask."""

from typing import Any

import dask.array as da
import numpy as np

from pkn.filters.arrays import FULL_RANGE, native, rounded


def means_over_blocks(
    finer: Any, factors: tuple[int, ...], shape: tuple[int, ...], chunks: tuple[int, ...]
) -> da.Array:
    """Reduce an array by means over blocks of ``factors`` pixels, rounded to its dtype.

    Each chunk is read for itself: memory is that of a chunk times the factors.

    Parameters
    ----------
    finer : array, of NumPy or Zarr
    factors : tuple of int
        Sides of the blocks.
    shape : tuple of int
        Of the result: the array's over the factors, rounded up (a last block has fewer pixels) or down (what is left
        over is left out).
    chunks : tuple of int
        Sides of the result's chunks.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.restoration.dask_means import means_over_blocks
    >>> ramp = np.arange(10, dtype=np.uint8).reshape(2, 5)
    >>> means_over_blocks(ramp, (2, 2), (1, 3), (1, 2)).compute()
    array([[3, 5, 6]], dtype=uint8)
    """
    coarse = da.core.normalize_chunks(chunks, shape)
    fine = tuple(
        (*(size * factor for size in sizes[:-1]), side - sum(sizes[:-1]) * factor)
        for sizes, factor, side in zip(coarse, factors, finer.shape, strict=True)
    )
    inside = tuple(slice(0, size * factor) for size, factor in zip(shape, factors, strict=True))
    return da.from_array(finer, chunks=fine)[inside].map_blocks(
        _means, factors, chunks=coarse, dtype=finer.dtype, meta=np.empty((0,) * len(shape), finer.dtype)
    )


def _means(block: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    means = block
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, block.shape[axis], factor)
            sizes = np.diff([*starts, block.shape[axis]]).reshape(-1, *(1,) * (block.ndim - axis - 1))
            means = np.add.reduceat(means, starts, axis, dtype=np.float64) / sizes
    return rounded(means / FULL_RANGE.get(native(block.dtype), 1), block.dtype)
