"""The output grid of an upsampling: where its pixels lie among the input's, and maps resampled to it, with adjoint.

Pixels are squares of which coordinates name the centres (half-pixel centres): output pixel X lies at
``(X + 1/2) / ratio - 1/2``, where ``ratio = out_size / in_size`` is what rounding the size has left of the scale.
scikit-image's ``resize`` and ``rescale`` do the same, and OpenCV's ``resize`` when it is given ``dsize``.
"""

from typing import NamedTuple

import numpy as np

from pkn.filters._numba import kernel


class Axis(NamedTuple):
    """Output positions along an axis, (out_size) each."""

    near: np.ndarray  # the input pixel that the position lies in; of two as near the second
    part: np.ndarray  # position - near, -1/2 to 1/2
    left: np.ndarray  # linear interpolation takes (1 - blend) of the input's pixel left, and blend of the next one
    right: np.ndarray
    blend: np.ndarray


def out_size(size: int, scale: float) -> int:
    """``round(size * scale)``, half to even as NumPy, scikit-image and OpenCV round."""
    return round(size * scale)


def output_axis(size: int, out: int, dtype: np.dtype) -> Axis:
    """The positions of ``out`` pixels along ``size`` ones; in whole numbers, so that phases repeat to the last bit."""
    near, rest = np.divmod((2 * np.arange(out) + 1) * size, 2 * out)
    part = rest / (2 * out) - 0.5
    left = near - (part < 0)
    blend = np.where((left < 0) | (left == size - 1), 0, part + (part < 0))
    return Axis(near, part.astype(dtype), np.maximum(left, 0), np.minimum(left + 1, size - 1), blend.astype(dtype))


@kernel
def resample_rows(values, n, rows, columns, start, most, out):
    """Rows ``start`` ... of a map (N or 1, 1, H or 1, W or 1), cut to ``most`` and interpolated, into ``out``."""
    plane = values[min(n, values.shape[0] - 1), 0]
    if plane.size == 1:
        out[:] = min(plane[0, 0], most)
        return
    blended = np.empty(plane.shape[1], values.dtype)
    for y in range(out.shape[0]):
        above, below, t = plane[rows.left[start + y]], plane[rows.right[start + y]], rows.blend[start + y]
        for x in range(blended.size):
            a, b = min(above[x], most), min(below[x], most)
            blended[x] = a + t * (b - a)
        target = out[y]
        for x in range(target.size):
            a, b = blended[columns.left[x]], blended[columns.right[x]]
            target[x] = a + columns.blend[x] * (b - a)


def resample_adjoint(v_out: np.ndarray, rows: Axis, columns: Axis) -> np.ndarray:
    """The transpose of the interpolation: cotangents (..., out_H, out_W) back to the input's (..., H, W)."""
    for axis, places in ((-1, columns), (-2, rows)):
        v_out = np.moveaxis(v_out, axis, -1)
        starts = np.flatnonzero(np.diff(places.left, prepend=-1))  # every pixel is left of one, as the scale is >= 1
        v_in = np.add.reduceat(v_out * (1 - places.blend), starts, -1)
        v_right = np.add.reduceat(v_out * places.blend, starts, -1)
        v_in[..., 1:] += v_right[..., :-1]  # of the last, which is right of itself, blend is 0
        v_out = np.moveaxis(v_in, -1, axis)
    return np.ascontiguousarray(v_out)
