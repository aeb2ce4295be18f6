"""The best global setting of a classical filter: one for all pixels of all images, searched on training images."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize

from pkn.evaluation.metrics import Case, Method, axis_of, mean_psnr
from pkn.filters import (
    AnisotropicBilateral,
    AnisotropicGaussian,
    Bilateral,
    Filter,
    FreeKernel,
    IsotropicGaussian,
    NonLocalMeans,
)

EVALUATIONS = 50
STARTS = (1.0, 3.0)  # pixels, and times the noise level


def has_global(flt: Filter) -> bool:
    """Whether a filter has a global setting of few numbers, so that the best can be searched."""
    return type(flt) in _NUMBERS


def best_global(flt: Filter, images: list[np.ndarray], case: Case) -> Method:
    """The filter with its best setting for ``case``, by Nelder-Mead over the logarithms of few numbers.

    Gaussians aren't rotated, free kernels are Gaussians, and NLM knows the noise level.
    """
    kinds, maps_of = _NUMBERS[type(flt)]

    def method(logarithms: np.ndarray) -> Method:
        numbers = np.exp(logarithms)
        setting = ", ".join(f"{kind} {number:.3g}" for kind, number in zip(kinds, numbers, strict=True))
        maps = maps_of(flt, case.level, *numbers)
        return Method(
            f"{type(flt).__name__}, best global",
            lambda given, _: flt(given, channel_axis=axis_of(given), **maps),
            setting=setting,
        )

    results = [
        minimize(
            lambda logarithms: -mean_psnr(method(logarithms), images, case),
            np.log([start if kind.startswith("width") else start * case.level for kind in kinds]),
            method="Nelder-Mead",
            options={"maxfev": EVALUATIONS, "xatol": 0.02, "fatol": 0.002},
        )
        for start in STARTS
    ]
    return method(min(results, key=lambda result: result.fun).x)


def _gaussian_logits(flt: Any, width: float) -> np.ndarray:
    y, x = np.mgrid[-flt.radius : flt.radius + 1, -flt.radius : flt.radius + 1]
    return np.asarray(-(x**2 + y**2) / (2 * width**2))


# What is searched, by name (a width in pixels, or an image value that starts in units of the noise), and its maps.
_NUMBERS: dict[type[Filter], tuple[tuple[str, ...], Callable[..., dict[str, Any]]]] = {
    IsotropicGaussian: (("width",), lambda flt, sigma, width: {"sigma": width}),
    AnisotropicGaussian: (
        ("width in x", "width in y"),
        lambda flt, sigma, x, y: {"kx": 1 / x, "ky": 1 / y, "rho": 0.0},
    ),
    Bilateral: (("width", "range"), lambda flt, sigma, width, r: {"sigma_space": width, "sigma_range": r}),
    AnisotropicBilateral: (
        ("width in x", "width in y", "range"),
        lambda flt, sigma, x, y, r: {"kx": 1 / x, "ky": 1 / y, "rho": 0.0, "sigma_range": r},
    ),
    NonLocalMeans: (("h",), lambda flt, sigma, h: {"h": h, "sigma": sigma}),
    FreeKernel: (("width",), lambda flt, sigma, width: {"logits": np.clip(_gaussian_logits(flt, width), -1e4, 0)}),
}
