"""Linear combinations of channels, pixel by pixel: bit-identical for any tile, which BLAS doesn't promise."""

import numpy as np

from pkn.filters.engine.compile import kernel
from pkn.filters.engine.math import fma
from pkn.filters.engine.threads import run_strips

ROWS = 64  # in a strip


@kernel
def _mix_rows(matrix, planes, n, start, stop, out):
    m, width = matrix, out.shape[3]
    for y in range(start, stop):
        a, b, c = planes[n, 0, y], planes[n, 1, y], planes[n, 2, y]
        for k in range(3):
            u, v, w, target = m[k, 0], m[k, 1], m[k, 2], out[n, k, y]
            for x in range(width):
                target[x] = fma(u, a[x], fma(v, b[x], w * c[x]))


def mix(matrix: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """Mix the three channels of planes (N, 3, H, W) by a 3 x 3 matrix."""
    planes = np.ascontiguousarray(planes)
    matrix, out = matrix.astype(planes.dtype), np.empty_like(planes)
    run_strips(
        lambda n, start, stop: _mix_rows(matrix, planes, n, start, stop, out), len(planes), planes.shape[2], ROWS
    )
    return out
