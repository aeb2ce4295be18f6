"""Anisotropic bilateral: w = exp(-d^T P d / 2 - |x(q) - x(p)|^2 / (2 sigma_range^2)), P a precision matrix."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pkn.filters.base import Filter
from pkn.filters.bilateral import SIGMA_RANGE
from pkn.filters.engine.dispatch import register
from pkn.filters.engine.math import fma
from pkn.filters.gaussian_parameters import (
    CORRELATION,
    DEPTH_WIDTH,
    INVERSE_WIDTH,
    precision_matrix,
    precision_matrix_vjp,
    precision_of_sigma,
    precision_of_sigma_vjp,
    precision_of_width,
    precision_of_width_vjp,
)


class AnisotropicBilateralMaps(NamedTuple):
    """Maps of :class:`AnisotropicBilateral`, each a number or an array of shape (H, W).

    ``kx`` and ``ky`` are inverse widths in 1/pixels, >= 0; ``rho`` is a correlation between -1 and 1; ``sigma_range``
    is in image values, >= 0.

    Examples
    --------
    >>> AnisotropicBilateralMaps(kx=0.5, ky=0.5, rho=0.0, sigma_range=0.1).sigma_range
    0.1
    """

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any


class AnisotropicBilateralDeepMaps(NamedTuple):
    """Maps of :class:`AnisotropicBilateral` with windows of several planes: ``kz`` is the inverse width across planes.

    Its unit is 1/planes, or that of the filter's ``spacing``.

    Examples
    --------
    >>> AnisotropicBilateralDeepMaps(kx=0.5, ky=0.5, rho=0.0, sigma_range=0.1, kz=1.0).kz
    1.0
    """

    kx: Any
    ky: Any
    rho: Any
    sigma_range: Any
    kz: Any


def _coefficients(maps, coef):
    precision_matrix(coef)
    precision_of_sigma(coef[3])


def _coefficients_vjp(maps, value, v_coef):
    precision_matrix_vjp(value, v_coef)
    precision_of_sigma_vjp(value[3], v_coef[3])


def _energy(maps, coef, i, tap, dz, dr, dc, d2):
    return fma(coef[3, i], d2, fma(coef[0, i], dc * dc, fma(coef[1, i], dr * dr, coef[2, i] * (dr * dc))))


def _energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dc * dc)
    v_coef[1, i] += v_e * (dr * dr)
    v_coef[2, i] += v_e * (dr * dc)
    v_coef[3, i] += v_e * d2


def _range_factor(maps, coef, i):
    return coef[3, i]


def _deep_coefficients(maps, coef):
    precision_matrix(coef)
    precision_of_sigma(coef[3])
    precision_of_width(coef[4])


def _deep_coefficients_vjp(maps, value, v_coef):
    precision_matrix_vjp(value, v_coef)
    precision_of_sigma_vjp(value[3], v_coef[3])
    precision_of_width_vjp(value[4], v_coef[4])


def _deep_energy(maps, coef, i, tap, dz, dr, dc, d2):
    across = fma(coef[1, i], dr * dr, fma(coef[4, i], dz * dz, coef[2, i] * (dr * dc)))
    return fma(coef[3, i], d2, fma(coef[0, i], dc * dc, across))


def _deep_energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dc * dc)
    v_coef[1, i] += v_e * (dr * dr)
    v_coef[2, i] += v_e * (dr * dc)
    v_coef[3, i] += v_e * d2
    v_coef[4, i] += v_e * (dz * dz)


register(AnisotropicBilateralMaps, _coefficients, _coefficients_vjp, _energy, _energy_vjp, _range_factor)
register(
    AnisotropicBilateralDeepMaps,
    _deep_coefficients,
    _deep_coefficients_vjp,
    _deep_energy,
    _deep_energy_vjp,
    _range_factor,
)


@dataclass(frozen=True)
class AnisotropicBilateral(Filter):
    """Bilateral filter whose spatial weight is an anisotropic Gaussian, given per pixel by its precision matrix.

    It averages along an edge rather than across it, and only pixels of similar values. The maps ``kx``, ``ky``
    (1/pixels) and ``rho`` are those of :class:`AnisotropicGaussian`; ``sigma_range`` (image values) is that of
    :class:`Bilateral`.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import AnisotropicBilateral
    >>> step = np.zeros((4, 6))
    >>> step[:, 3:] = 1
    >>> out = AnisotropicBilateral(radius=2)(step, kx=0.5, ky=0.5, rho=0, sigma_range=0.1)
    >>> out[0].round(3).tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """

    Maps: ClassVar[type[tuple[Any, ...]]] = AnisotropicBilateralMaps
    DeepMaps: ClassVar[type[tuple[Any, ...]] | None] = AnisotropicBilateralDeepMaps
    ranges: ClassVar = {
        "kx": INVERSE_WIDTH._replace(strength=0),
        "ky": INVERSE_WIDTH._replace(strength=0),
        "rho": CORRELATION,
        "sigma_range": SIGMA_RANGE,
    }
    deep_ranges: ClassVar = {"kz": DEPTH_WIDTH._replace(strength=0)}
