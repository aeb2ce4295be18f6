"""Bilateral filter: w = exp(-|q - p|^2 / (2 sigma_space^2) - |x(q) - x(p)|^2 / (2 sigma_range^2))."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from pkn.filters.base import Filter, MapRange
from pkn.filters.engine.dispatch import register
from pkn.filters.engine.math import fma
from pkn.filters.gaussian_parameters import precision_of_sigma, precision_of_sigma_vjp

SIGMA_RANGE = MapRange("image value", 0.004, 1.0, (0, np.inf), strength=1, meaning="how different a pixel may be")


class BilateralMaps(NamedTuple):
    """Maps of :class:`Bilateral`, each a number or an array of shape (H, W).

    ``sigma_space`` is in pixels, ``sigma_range`` in image values (the image's own units); both >= 0.

    Examples
    --------
    >>> BilateralMaps(sigma_space=2.0, sigma_range=0.1).sigma_space
    2.0
    """

    sigma_space: Any
    sigma_range: Any


def _coefficients(maps, coef):
    precision_of_sigma(coef[0])
    precision_of_sigma(coef[1])


def _coefficients_vjp(maps, value, v_coef):
    precision_of_sigma_vjp(value[0], v_coef[0])
    precision_of_sigma_vjp(value[1], v_coef[1])


def _energy(maps, coef, i, tap, dz, dr, dc, d2):
    return fma(coef[1, i], d2, coef[0, i] * (dr * dr + dc * dc + dz * dz))


def _energy_vjp(maps, v_coef, i, tap, dz, dr, dc, d2, v_e):
    v_coef[0, i] += v_e * (dr * dr + dc * dc + dz * dz)
    v_coef[1, i] += v_e * d2


def _range_factor(maps, coef, i):
    return coef[1, i]


register(BilateralMaps, _coefficients, _coefficients_vjp, _energy, _energy_vjp, _range_factor)


@dataclass(frozen=True)
class Bilateral(Filter):
    """Bilateral filter with per-pixel ``sigma_space`` (pixels) and ``sigma_range`` (image values).

    It averages near pixels of similar values, which smooths flat areas and keeps edges. Tomasi and Manduchi,
    "Bilateral filtering for gray and color images" (1998), with sigmas that change from pixel to pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import Bilateral
    >>> step = np.zeros((4, 6))
    >>> step[:, 3:] = 1
    >>> Bilateral(radius=2)(step, sigma_space=2, sigma_range=0.1)[0].round(3).tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """

    Maps: ClassVar[type[tuple[Any, ...]]] = BilateralMaps
    ranges: ClassVar = {
        "sigma_space": MapRange("px", 0.3, 8.0, (0, np.inf), meaning="how far pixels are averaged"),
        "sigma_range": SIGMA_RANGE,
    }
