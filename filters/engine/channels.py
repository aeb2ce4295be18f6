"""Linear combinations of channels, pixel by pixel: bit-identical for any tile, which BLAS doesn't promise."""

import numpy as np

from pkn.filters.engine.compile import kernel
from pkn.filters.engine.math import fma
from pkn.filters.engine.memory import empty
from pkn.filters.engine.threads import run_strips

ROWS = 256  # in a strip


@kernel
def _mix_rows(weights, first, second, third, start, stop, out):
    u0, v0, w0, u1, v1, w1, u2, v2, w2 = weights
    for y in range(start, stop):
        a, b, c, r, s, t = first[y], second[y], third[y], out[0, y], out[1, y], out[2, y]
        for x in range(out.shape[2]):
            p, q, z = a[x], b[x], c[x]
            r[x] = fma(u0, p, fma(v0, q, w0 * z))
            s[x] = fma(u1, p, fma(v1, q, w1 * z))
            t[x] = fma(u2, p, fma(v2, q, w2 * z))


def mix(matrix: np.ndarray, *planes: np.ndarray) -> np.ndarray:
    """Mix the three channels (N, 3, H, W) of all ``planes`` together by a 3 x 3 matrix."""
    (count, _, *size), dtype = planes[0].shape, planes[0].dtype
    weights, out = tuple(matrix.astype(dtype).ravel()), empty((count, 3, *size), dtype)

    def task(n: int, start: int, stop: int) -> None:
        _mix_rows(weights, *(plane for each in planes for plane in each[n]), start, stop, out[n])

    run_strips(task, count, size[0], ROWS)
    return out
