"""Isotropic Gaussian: w = exp(-|q - p|^2 / (2 sigma^2))."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from pkn.filters.base import Filter
from pkn.filters.engine.dispatch import register
from pkn.filters.gaussian_parameters import SIGMA, precision_of_sigma, precision_of_sigma_vjp


class IsotropicGaussianMaps(NamedTuple):
    """Map of :class:`IsotropicGaussian`: ``sigma`` in pixels, >= 0, a number or an array of shape (H, W).

    Examples
    --------
    >>> IsotropicGaussianMaps(sigma=1.5).sigma
    1.5
    """

    sigma: Any


def _coefficients(maps, coef):
    precision_of_sigma(coef[0])


def _coefficients_vjp(maps, value, v_coef):
    precision_of_sigma_vjp(value[0], v_coef[0])


def _energy(maps, coef, i, tap, dz, dr, dc, d2):
    return coef[0, i] * (dr * dr + dc * dc + dz * dz)


def _energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dr * dr + dc * dc + dz * dz)


def _range_factor(maps, coef, i):
    return coef.dtype.type(0)


register(IsotropicGaussianMaps, _coefficients, _coefficients_vjp, _energy, _energy_vjp, _range_factor)


@dataclass(frozen=True)
class IsotropicGaussian(Filter):
    """Gaussian blur with a per-pixel ``sigma`` (pixels).

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import IsotropicGaussian
    >>> impulse = np.zeros((5, 5))
    >>> impulse[2, 2] = 1
    >>> IsotropicGaussian(radius=1)(impulse, sigma=1)[2].round(3).tolist()
    [0.0, 0.124, 0.204, 0.124, 0.0]
    """

    Maps: ClassVar[type[tuple[Any, ...]]] = IsotropicGaussianMaps
    ranges: ClassVar = {"sigma": SIGMA}
