"""Parameters of Gaussians: standard deviations and precision matrices, as maps and as factors of log2 of a weight.

Maps give a precision matrix P = [[kx^2, rho kx ky], [rho kx ky, ky^2]] by inverse widths ``kx``, ``ky`` (1/px) and a
correlation ``rho``.
"""

import math
from typing import Any

import numpy as np

from pkn.filters.base import MapRange
from pkn.filters.engine.compile import inlined
from pkn.filters.engine.math import fma

HALF_LOG2E = 0.5 * float(np.log2(np.e))
SMALLEST = 1e-30  # least variance: factors stay finite, and the weights of all other pixels are exactly 0
LARGEST = 1e15  # inverse width; kx and ky are clipped separately, so that the matrix stays positive definite

SIGMA = MapRange("px", 0.2, 8.0, (0, np.inf), strength=1, meaning="how far pixels are averaged")
INVERSE_WIDTH = MapRange("1/px", 0.1, 4.0, (0, np.inf), strength=-1, meaning="inverse width")
DEPTH_WIDTH = MapRange("1/plane", 0.1, 4.0, (0, np.inf), strength=-1, meaning="inverse width across planes")
CORRELATION = MapRange("", -0.98, 0.98, (-0.999999, 0.999999), logarithmic=False, meaning="tilt of the ellipse")


@inlined
def precision_of_sigma(row):
    """Replace sigma by -log2(e) / (2 sigma^2), in place."""
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
    """Replace rows kx, ky, rho by the factors of dc^2, dr^2 and dr dc, in place.

    The precision matrix is P = [[kx^2, rho kx ky], [rho kx ky, ky^2]].
    """
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


@inlined
def precision_of_width(row):
    """Replace an inverse width k by -log2(e) k^2 / 2, in place."""
    cast = row.dtype.type
    for i in range(row.size):
        k = min(row[i], cast(LARGEST))
        row[i] = cast(-HALF_LOG2E) * k * k


@inlined
def precision_of_width_vjp(value, v_row):
    cast = v_row.dtype.type
    for i in range(v_row.size):
        v_row[i] *= cast(-2 * HALF_LOG2E) * min(value[i], cast(LARGEST))


def inverse_widths(along: Any, across: Any, angle: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``kx``, ``ky`` and ``rho`` of a Gaussian with sigmas (px) along and across ``angle`` (radians, x to y)."""
    x, y = np.cos(angle), np.sin(angle)
    xx, yy = (x / along) ** 2 + (y / across) ** 2, (y / along) ** 2 + (x / across) ** 2
    xy = x * y * (1 / np.square(along) - 1 / np.square(across))
    return np.sqrt(xx), np.sqrt(yy), xy / np.sqrt(xx * yy)


def inverse_widths_of(covariance: np.ndarray) -> tuple[float, float, float]:
    """Return ``kx``, ``ky`` and ``rho`` of a Gaussian with a covariance (2, 2) of (y, x), in px^2."""
    precision = np.linalg.inv(covariance)
    kx, ky = math.sqrt(precision[1, 1]), math.sqrt(precision[0, 0])
    return kx, ky, precision[0, 1] / (kx * ky)
