"""The output grid of upsampling: positions of its pixels in the input, and maps resampled to it, with the adjoint.

Coordinates name the centres of pixels (half-pixel centres): output pixel X lies at ``(X + 1/2) / ratio - 1/2`` in the
input, where ``ratio = out_size / in_size`` is the scale after rounding of the size. scikit-image's ``resize`` and
``rescale`` do the same, and OpenCV's ``resize`` with ``dsize``.
"""

from typing import NamedTuple

import numpy as np

from pkn.filters.engine.compile import kernel
from pkn.filters.engine.threads import run_strips


class Axis(NamedTuple):
    """Output positions along an axis, (out_size) each."""

    near: np.ndarray  # the input pixel that contains the position; the second of two that are equally near
    part: np.ndarray  # position - near, -1/2 to 1/2
    left: np.ndarray  # linear interpolation is (1 - blend) of the input's pixel left, and blend of pixel right
    right: np.ndarray
    blend: np.ndarray


def out_size(size: int, scale: float) -> int:
    """``round(size * scale)``, half to even as NumPy, scikit-image and OpenCV round."""
    return round(size * scale)


def output_axis(size: int, out: int, dtype: np.dtype) -> Axis:
    """Return the positions of ``out`` pixels along ``size`` ones; in integers, so that phases repeat exactly."""
    near, rest = np.divmod((2 * np.arange(out) + 1) * size, 2 * out)
    part = rest / (2 * out) - 0.5
    left = near - (part < 0)
    blend = np.where((left < 0) | (left == size - 1), 0, part + (part < 0))
    return Axis(near, part.astype(dtype), np.maximum(left, 0), np.minimum(left + 1, size - 1), blend.astype(dtype))


@kernel
def resample_rows(values, n, rows, columns, start, most, out):
    """Fill ``out`` from output row ``start`` on with a map (N or 1, 1, H or 1, W or 1), clipped to ``most``."""
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


def resample_adjoint(v_out: np.ndarray, rows: Axis, columns: Axis, size: tuple[int, int]) -> np.ndarray:
    """The transpose of the interpolation: cotangents (N, K, H, W) of the input from those of the output."""
    batch, planes = v_out.shape[:2]
    v_in = np.zeros((batch, planes, *size), v_out.dtype)

    def task(n: int, start: int, stop: int) -> None:
        for k in range(start, stop):
            _scatter_plane(v_out[n, k], rows, columns, v_in[n, k])

    run_strips(task, batch, planes, planes)
    return v_in


@kernel
def _scatter_plane(v_out, rows, columns, v_in):
    line = np.empty(v_in.shape[1], v_in.dtype)
    for y in range(v_out.shape[0]):
        line[:] = 0
        for x in range(v_out.shape[1]):
            share = columns.blend[x] * v_out[y, x]
            line[columns.left[x]] += v_out[y, x] - share
            line[columns.right[x]] += share
        above, below, t = v_in[rows.left[y]], v_in[rows.right[y]], rows.blend[y]
        for x in range(line.size):
            share = t * line[x]
            above[x] += line[x] - share
            below[x] += share
