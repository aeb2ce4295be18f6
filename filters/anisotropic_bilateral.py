"""Anisotropic bilateral: w = exp(-d^T P d / 2 - |x(q) - x(p)|^2 / (2 sigma_range^2)), P a precision matrix."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pkn.filters.base import Filter
from pkn.filters.bilateral import SIGMA_RANGE
from pkn.filters.engine.dispatch import register
from pkn.filters.engine.math import fma
from pkn.filters.gaussian_parameters import (
    CORRELATION,
    INVERSE_WIDTH,
    precision_matrix,
    precision_matrix_vjp,
    precision_of_sigma,
    precision_of_sigma_vjp,
)


class AnisotropicBilateralMaps(NamedTuple):
    """``kx``, ``ky`` in 1/pixels, >= 0; ``rho`` between -1 and 1; ``sigma_range`` in image values, >= 0."""

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any


def _coefficients(maps, coef):
    precision_matrix(coef)
    precision_of_sigma(coef[3])


def _coefficients_vjp(maps, value, v_coef):
    precision_matrix_vjp(value, v_coef)
    precision_of_sigma_vjp(value[3], v_coef[3])


def _energy(maps, coef, i, tap, dr, dc, d2):
    return fma(coef[3, i], d2, fma(coef[0, i], dc * dc, fma(coef[1, i], dr * dr, coef[2, i] * (dr * dc))))


def _energy_vjp(maps, v_coef, i, tap, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dc * dc)
    v_coef[1, i] += v_e * (dr * dr)
    v_coef[2, i] += v_e * (dr * dc)
    v_coef[3, i] += v_e * d2


def _range_factor(maps, coef, i):
    return coef[3, i]


register(AnisotropicBilateralMaps, _coefficients, _coefficients_vjp, _energy, _energy_vjp, _range_factor)


@dataclass(frozen=True)
class AnisotropicBilateral(Filter):
    """Bilateral filter whose neighbourhood is a per-pixel ellipse: averages along edges, and what is alike."""

    Maps: ClassVar[type[tuple[Any, ...]]] = AnisotropicBilateralMaps
    ranges: ClassVar = {
        "kx": INVERSE_WIDTH._replace(strength=0),
        "ky": INVERSE_WIDTH._replace(strength=0),
        "rho": CORRELATION,
        "sigma_range": SIGMA_RANGE,
    }
