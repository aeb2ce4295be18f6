"""What Gaussians share: sigmas and precision matrices turned into factors of log2 of a weight."""

import numpy as np

from pkn.filters._filter import MapRange
from pkn.filters._numba import fma, inlined

HALF_LOG2E = 0.5 * float(np.log2(np.e))
SMALLEST = 1e-30  # of a variance: finite factors, and weights that are 0 to the last bit
LARGEST = 1e15  # of a wave number; kx and ky are cut each by itself, so that the matrix stays positive

SIGMA = MapRange("px", 0.2, 8.0, (0, np.inf), strength=1, meaning="how far pixels are averaged")
WAVE_NUMBER = MapRange("1/px", 0.1, 4.0, (0, np.inf), strength=-1, meaning="inverse width")
CORRELATION = MapRange("", -0.98, 0.98, (-0.999999, 0.999999), logarithmic=False, meaning="tilt of the ellipse")


@inlined
def precision_of_sigma(row):
    """From sigma to -log2(e) / (2 sigma^2), in place."""
    cast = row.dtype.type
    for i in range(row.size):
        row[i] = cast(-HALF_LOG2E) / max(row[i] * row[i], cast(SMALLEST))


@inlined
def precision_of_sigma_vjp(value, v_row):
    cast = v_row.dtype.type
    for i in range(v_row.size):
        s = value[i]
        v_row[i] *= cast(2 * HALF_LOG2E) / max(s * s * s, cast(SMALLEST))


@inlined
def precision_matrix(coef):
    """Rows kx, ky, rho -> factors of dc^2, dr^2 and dr dc: P = [[kx^2, rho kx ky], [rho kx ky, ky^2]], in place."""
    cast = coef.dtype.type
    for i in range(coef.shape[1]):
        kx, ky, rho = min(coef[0, i], cast(LARGEST)), min(coef[1, i], cast(LARGEST)), coef[2, i]
        coef[0, i] = cast(-HALF_LOG2E) * kx * kx
        coef[1, i] = cast(-HALF_LOG2E) * ky * ky
        coef[2, i] = cast(-2 * HALF_LOG2E) * rho * kx * ky


@inlined
def precision_matrix_vjp(value, v_coef):
    cast = v_coef.dtype.type
    for i in range(v_coef.shape[1]):
        kx, ky, rho = min(value[0, i], cast(LARGEST)), min(value[1, i], cast(LARGEST)), value[2, i]
        v_xx, v_yy, v_xy = v_coef[0, i], v_coef[1, i], v_coef[2, i]
        v_coef[0, i] = cast(-2 * HALF_LOG2E) * fma(v_xx, kx, v_xy * rho * ky)
        v_coef[1, i] = cast(-2 * HALF_LOG2E) * fma(v_yy, ky, v_xy * rho * kx)
        v_coef[2, i] = cast(-2 * HALF_LOG2E) * v_xy * kx * ky
