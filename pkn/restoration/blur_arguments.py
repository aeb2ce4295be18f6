"""Checks of what the user says of a blur, and of how it is to be undone."""

import math
from typing import Any, NamedTuple

import numpy as np

from pkn.filters import AnisotropicGaussian
from pkn.filters.arrays import check_whole_number
from pkn.filters.gaussian_parameters import inverse_widths_of

ALPHA, BETA = 2.0, 3.0  # published with Polyblur
LARGEST_COEFFICIENT = 100.0
NARROWEST, WIDEST = 0.1, 8.0  # px; at 0.1 the weight of a neighbour is e^-50
MAX_ITERATIONS = 3
KERNEL_REACH = 4  # standard deviations


class Plan(NamedTuple):
    """Polyblur's coefficients (alpha, beta) or None for fitted ones, the number of passes, and halo suppression."""

    published: tuple[float, float] | None
    iterations: int
    halo_suppression: bool


def plan_of(alpha: Any, beta: Any, iterations: Any, halo_suppression: Any, by_network: bool) -> Plan:
    """How a blur is to be undone, by the arguments of :func:`pkn.deconvolve`; raises if they don't fit together."""
    published = None
    if alpha is not None or beta is not None:
        published = _coefficient("alpha", alpha, ALPHA), _coefficient("beta", beta, BETA)
    if check_whole_number("iterations", iterations) > MAX_ITERATIONS:
        raise ValueError(f"iterations is {iterations!r}; expected a whole number from 1 to {MAX_ITERATIONS}")
    if not (halo_suppression is None or isinstance(halo_suppression, bool)):
        raise TypeError(f"halo_suppression is {halo_suppression!r}; expected True, False or None")
    if by_network and (published or iterations > 1 or halo_suppression):
        given = {"alpha": alpha, "beta": beta, "iterations": iterations, "halo_suppression": halo_suppression}
        raise ValueError(f"blur is None, but {given}; expected a blur, or none of these")
    if published is None and iterations > 1:
        raise ValueError(
            f"iterations is {iterations}; expected 1, or alpha and beta too: fitted coefficients need one pass"
        )
    halo = published is not None if halo_suppression is None else halo_suppression
    return Plan(published, iterations, halo)


def _coefficient(name: str, given: Any, default: float) -> float:
    value = default if given is None else given
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} is {value!r}; expected a number")
    if not abs(float(value)) <= LARGEST_COEFFICIENT:
        raise ValueError(f"{name} is {value!r}; expected {-LARGEST_COEFFICIENT:g} to {LARGEST_COEFFICIENT:g}")
    return float(value)


def check_blur(blur: Any) -> np.ndarray | None:
    """The covariance (row, column), with standard deviations of at least ``NARROWEST``; None for "estimate"."""
    if isinstance(blur, str) and blur == "estimate":
        return None
    expected = f"a standard deviation of 0 to {WIDEST:g} px, a 2 x 2 covariance (row, column; px^2), a kernel"
    expected += ' with odd sides or "estimate"'
    values = np.asarray(blur)
    if values.dtype.kind not in "fiu":
        raise TypeError(f"blur is {blur!r}; expected {expected}")
    if values.shape not in ((), (2, 2)):
        raise ValueError(f"blur has shape {values.shape}; expected {expected}")
    if values.ndim == 0 and not 0 <= float(values) <= WIDEST:
        raise ValueError(f"blur is {blur!r}; expected {expected}")
    covariance = values.astype(np.float64) if values.ndim else np.eye(2) * float(values) ** 2
    if not (np.isfinite(covariance).all() and np.allclose(covariance, covariance.T)):
        raise ValueError(f"blur is {values.tolist()}; expected a symmetric matrix of finite numbers")
    variances, axes = np.linalg.eigh(covariance)
    if not -1e-9 <= variances[0] <= variances[1] <= WIDEST**2 * (1 + 1e-9):
        raise ValueError(f"blur has the variances {variances.tolist()} px^2; expected 0 to {WIDEST**2:g}")
    checked: np.ndarray = (axes * np.maximum(variances, NARROWEST**2)) @ axes.T
    return checked


def check_kernel(blur: Any) -> np.ndarray | None:
    """The kernel, with sum 1, if ``blur`` is one: an array with odd sides, at least one of 3 or more; else None.

    Raises
    ------
    ValueError
        If its values aren't finite, or their sum isn't above 0.
    """
    kernel = np.asarray(blur)
    odd = kernel.ndim == 2 and all(side % 2 for side in kernel.shape) and kernel.size > 1
    if not odd or kernel.dtype.kind not in "fiu":
        return None
    total = float(kernel.sum(dtype=np.float64))
    if not (np.isfinite(kernel).all() and total > 0):
        raise ValueError(f"blur is a kernel with the sum {total:g}; expected finite values with a sum above 0")
    return np.asarray(kernel, np.float64) / total


def gaussian_kernel(covariance: np.ndarray) -> np.ndarray:
    """The kernel, as large as it need be, of a Gaussian blur with a covariance (row, column; px^2)."""
    radius = max(1, math.ceil(KERNEL_REACH * math.sqrt(np.linalg.eigvalsh(covariance)[1])))
    nothing = np.zeros((2 * radius + 1,) * 2)
    return AnisotropicGaussian(radius).kernel_at(nothing, inverse_widths_of(covariance), (radius, radius))
