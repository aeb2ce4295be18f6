"""Gaussians in the filters' terms: wave numbers ``kx``, ``ky`` (1/px) and the tilt ``rho`` of a precision matrix."""

import math
from typing import Any

import numpy as np


def wave_numbers(along: Any, across: Any, angle: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``kx``, ``ky`` and ``rho`` of a Gaussian with sigmas (px) along and across a direction (radians from x to y)."""
    x, y = np.cos(angle), np.sin(angle)
    xx, yy = (x / along) ** 2 + (y / across) ** 2, (y / along) ** 2 + (x / across) ** 2
    xy = x * y * (1 / np.square(along) - 1 / np.square(across))
    return np.sqrt(xx), np.sqrt(yy), xy / np.sqrt(xx * yy)


def wave_numbers_of(covariance: np.ndarray) -> tuple[float, float, float]:
    """``kx``, ``ky`` and ``rho`` of a Gaussian with a covariance of (y, x), in px^2."""
    precision = np.linalg.inv(covariance)
    kx, ky = math.sqrt(precision[1, 1]), math.sqrt(precision[0, 0])
    return kx, ky, precision[0, 1] / (kx * ky)
