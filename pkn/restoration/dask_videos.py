"""Videos as Dask arrays: chunks of frames with the neighbours that exactness takes, bit-identical to the whole."""

from typing import Any

import dask.array as da
import numpy as np

from pkn.filters.arrays import all_finite, target_dtype
from pkn.filters.engine.threads import one_thread
from pkn.nets import Predictor
from pkn.restoration.arguments import check_strength
from pkn.restoration.dask_arrays import NOT_FINITE, aligned, map_widened
from pkn.restoration.planes import filtering_net
from pkn.restoration.sequences import Series
from pkn.restoration.streams import ANEW, denoise_frames


def denoise_frame_chunks(planes: da.Array, net: Any, series: Series, strength: Any, noise: Any, dtype: Any) -> da.Array:
    """Denoise a Dask array (..., T, C, H, W), each video of (T, C, H, W) by itself.

    Chunks have whole frames, and begin at multiples of ``ANEW`` frames, where the noise is estimated anew. Kernels run
    on the worker's own thread.

    Parameters
    ----------
    planes : dask.array.Array of shape (..., T, C, H, W)
        Of finite values.
    net, strength, noise, dtype
        As in :func:`pkn.denoise`; ``strength`` is no map, ``noise`` None, a number or a profile.
    series : Series
        Of time.
    """
    network, power = filtering_net(net, planes.shape[-3]), check_strength(strength)
    target = target_dtype(dtype, planes.dtype)
    around = series.neighbours, 0 if series.causal else series.neighbours
    before = -(-series.neighbours // ANEW) * ANEW
    frames = aligned(planes.chunks[-4], ANEW, max(1, before, around[1]))
    planes = planes.rechunk((*planes.chunks[:-4], frames, -1, -1, -1))
    along = {planes.ndim - 4: (before, around[1])} if len(frames) > 1 else {}
    numbers = da.arange(planes.shape[-4], chunks=(frames,))[:, None, None, None]
    numbers = numbers.reshape((1,) * (planes.ndim - 4) + numbers.shape)
    arrays: Any = (planes, along), (planes[..., :1, :, :, :], {}), (numbers, {})
    settings = {"strength": power, "noise": noise, "around": around, "before": before}
    return map_widened(_denoise_chunk, arrays, target, network=network, **settings)


def _denoise_chunk(
    chunk: np.ndarray,
    first: np.ndarray,
    numbers: np.ndarray,
    network: Predictor,
    strength: Any,
    noise: Any,
    around: tuple[int, int],
    before: int,
    target: np.dtype[Any],
) -> np.ndarray:
    """The chunk's videos (..., T, C, H, W), without results for the frames around its own.

    ``first`` (..., 1, C, H, W) are the videos' first frames, ``numbers`` those of the chunk's own.
    """
    if not all_finite(chunk):
        raise ValueError(NOT_FINITE)
    out = np.zeros(chunk.shape, target)
    skipped = min(before, int(numbers.flat[0]))
    own, axis = slice(skipped, skipped + numbers.size), None if chunk.shape[-3] == 1 else 0
    with one_thread():
        for index in np.ndindex(chunk.shape[:-4]):
            frames = (_image(frame, axis) for frame in chunk[index])
            origin = _image(first[index][0], axis)
            results = denoise_frames(frames, network, axis, strength, noise, around, target, origin, skipped)
            for into, result in zip(out[index][own], results, strict=False):
                into[...] = result
    return out


def _image(planes: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """A frame (C, H, W) as an image: grey, or with its channels first."""
    return planes[0] if channel_axis is None else planes
