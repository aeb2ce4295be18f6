"""Anisotropic Gaussian: w = exp(-d^T P d / 2), d = q - p, P = [[kx^2, rho kx ky], [rho kx ky, ky^2]]."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pkn.filters.base import Filter
from pkn.filters.engine.dispatch import register
from pkn.filters.engine.math import fma
from pkn.filters.gaussian_parameters import (
    CORRELATION,
    DEPTH_WIDTH,
    INVERSE_WIDTH,
    precision_matrix,
    precision_matrix_vjp,
    precision_of_width,
    precision_of_width_vjp,
)


class AnisotropicGaussianMaps(NamedTuple):
    """Maps of :class:`AnisotropicGaussian`, each a number or an array of shape (H, W).

    ``kx`` and ``ky`` are inverse widths in 1/pixels, >= 0 (x counts columns, y counts rows); ``rho`` is a correlation
    between -1 and 1.

    Examples
    --------
    >>> AnisotropicGaussianMaps(kx=2.0, ky=0.5, rho=0.0).ky
    0.5
    """

    kx: Any
    ky: Any
    rho: Any


class AnisotropicGaussianDeepMaps(NamedTuple):
    """Maps of :class:`AnisotropicGaussian` with windows of several planes: ``kz`` is the inverse width across planes.

    Its unit is 1/planes, or that of the filter's ``spacing``.

    Examples
    --------
    >>> AnisotropicGaussianDeepMaps(kx=2.0, ky=0.5, rho=0.0, kz=1.0).kz
    1.0
    """

    kx: Any
    ky: Any
    rho: Any
    kz: Any


def _coefficients(maps, coef):
    precision_matrix(coef)


def _coefficients_vjp(maps, value, v_coef):
    precision_matrix_vjp(value, v_coef)


def _energy(maps, coef, i, tap, dz, dr, dc, d2):
    return fma(coef[0, i], dc * dc, fma(coef[1, i], dr * dr, coef[2, i] * (dr * dc)))


def _energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dc * dc)
    v_coef[1, i] += v_e * (dr * dr)
    v_coef[2, i] += v_e * (dr * dc)


def _range_factor(maps, coef, i):
    return coef.dtype.type(0)


def _deep_coefficients(maps, coef):
    precision_matrix(coef)
    precision_of_width(coef[3])


def _deep_coefficients_vjp(maps, value, v_coef):
    precision_matrix_vjp(value, v_coef)
    precision_of_width_vjp(value[3], v_coef[3])


def _deep_energy(maps, coef, i, tap, dz, dr, dc, d2):
    across = fma(coef[1, i], dr * dr, fma(coef[3, i], dz * dz, coef[2, i] * (dr * dc)))
    return fma(coef[0, i], dc * dc, across)


def _deep_energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dc * dc)
    v_coef[1, i] += v_e * (dr * dr)
    v_coef[2, i] += v_e * (dr * dc)
    v_coef[3, i] += v_e * (dz * dz)


register(AnisotropicGaussianMaps, _coefficients, _coefficients_vjp, _energy, _energy_vjp, _range_factor)
register(
    AnisotropicGaussianDeepMaps,
    _deep_coefficients,
    _deep_coefficients_vjp,
    _deep_energy,
    _deep_energy_vjp,
    _range_factor,
)


@dataclass(frozen=True)
class AnisotropicGaussian(Filter):
    """Anisotropic Gaussian blur, given per pixel by its precision matrix.

    ``kx`` and ``ky`` (1/pixels) are the square roots of the matrix's diagonal and ``rho`` is its correlation. The
    matrix is positive definite for all kx, ky > 0 and -1 < rho < 1. A positive ``rho`` smooths most along dx = -dy.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import AnisotropicGaussian
    >>> impulse = np.zeros((5, 5))
    >>> impulse[2, 2] = 1
    >>> out = AnisotropicGaussian(radius=1)(impulse, kx=2, ky=0.5, rho=0)
    >>> out[2].round(3).tolist()  # the blur is narrow along x
    [0.0, 0.039, 0.285, 0.039, 0.0]
    >>> out[:, 2].round(3).tolist()  # and wide along y
    [0.0, 0.251, 0.285, 0.251, 0.0]
    """

    Maps: ClassVar[type[tuple[Any, ...]]] = AnisotropicGaussianMaps
    DeepMaps: ClassVar[type[tuple[Any, ...]] | None] = AnisotropicGaussianDeepMaps
    ranges: ClassVar = {"kx": INVERSE_WIDTH, "ky": INVERSE_WIDTH, "rho": CORRELATION}
    deep_ranges: ClassVar = {"kz": DEPTH_WIDTH}
