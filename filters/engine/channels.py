"""Linear combinations of channels, pixel by pixel: bit-identical for any tile, which BLAS doesn't promise."""

import numpy as np

from pkn.filters.engine.compile import kernel
from pkn.filters.engine.math import fma
from pkn.filters.engine.memory import empty
from pkn.filters.engine.threads import run_strips

ROWS = 64  # in a strip


@kernel
def _mix_rows(matrix, first, second, third, start, stop, out):
    m, width = matrix, out.shape[2]
    for y in range(start, stop):
        a, b, c = first[y], second[y], third[y]
        for k in range(3):
            u, v, w, target = m[k, 0], m[k, 1], m[k, 2], out[k, y]
            for x in range(width):
                target[x] = fma(u, a[x], fma(v, b[x], w * c[x]))


def mix(matrix: np.ndarray, *planes: np.ndarray) -> np.ndarray:
    """Mix the three channels (N, 3, H, W) of all ``planes`` together by a 3 x 3 matrix."""
    (count, _, *size), dtype = planes[0].shape, planes[0].dtype
    matrix, out = matrix.astype(dtype), empty((count, 3, *size), dtype)

    def task(n: int, start: int, stop: int) -> None:
        _mix_rows(matrix, *(plane for each in planes for plane in each[n]), start, stop, out[n])

    run_strips(task, count, size[0], ROWS)
    return out
