"""Which polynomial in which Gaussian undoes a known blur best, for an image of known spectrum and white noise."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GRID = 96  # frequencies along each axis
WIDTHS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4)  # of the Gaussian to blur with again, in units of the blur
LAGS = (1, 4)  # px
FALLOFFS = tuple(1.2 + 0.1 * k for k in range(25))  # photographs have about 2, and up to 3 where they are smooth
USUAL_FALLOFF = 2.0
WIDE = 2  # of the window's radius: there the blur itself ends
LARGEST = 300.0  # of a coefficient: beyond, the image's rounding would count


class Spectrum(NamedTuple):
    """Of an image: its power is contrast / f^falloff at f cycles per pixel; white noise has sigma^2 everywhere."""

    contrast: float
    falloff: float

    def power(self) -> np.ndarray:
        """At the frequencies of the grid; 0 for the mean, which every polynomial keeps."""
        f = np.fft.fftfreq(GRID)
        squares = f[:, None] ** 2 + f**2
        squares[0, 0] = np.inf
        power: np.ndarray = self.contrast * squares ** (-self.falloff / 2)
        return power


class Design(NamedTuple):
    """A reblur: the covariance of its Gaussian (row, column; px^2), its polynomial, the error expected (MSE)."""

    covariance: np.ndarray
    gain: float
    slope: float
    curvature: float
    error: float


def wiener_design(
    covariance: np.ndarray, sigma: float, spectrum: Spectrum, radius: int, likely: Sequence[float] = (1.0,)
) -> Design:
    """The reblur p(K) with the least mean squared error E |p(K) (H x + n) - x|^2.

    A Wiener filter within the family: with transfer functions h of the blur and k of the Gaussian, the integral of
    S (1 - p(k) h)^2 + N p(k)^2 over all frequencies is quadratic in the polynomial's coefficients, and so solved
    exactly; S is the image's spectrum, N = sigma^2. Of some widths of k the best is taken.

    Parameters
    ----------
    covariance : array of shape (2, 2)
        Of the blur H, in px^2, order (row, column).
    sigma : float
        Standard deviation of the noise n.
    spectrum : Spectrum
        Of the image; see :func:`spectrum_of`.
    radius : int
        Of the window that K has.
    likely : sequence of float
        Factors of the blur's width, equally likely, for a blur that isn't known well: the error is their mean.
    """
    signal = spectrum.power()
    blurs = [transfer(factor**2 * covariance, WIDE * radius) for factor in likely]
    share = 1 / len(blurs) ** 0.5
    wanted = np.concatenate([np.sqrt(signal) * (1 - h) * share for h in blurs] + [np.full_like(signal, -sigma)]).ravel()
    best = Design(covariance, 1.0, 0.0, 0.0, float(np.sum(wanted**2)) / signal.size)
    for width in WIDTHS:
        k = transfer(width**2 * covariance, radius)
        powers = (k - 1)[..., None] ** np.arange(1, 4)
        parts = [(np.sqrt(signal) * h * share)[..., None] * powers for h in blurs]
        rows = np.concatenate([*parts, sigma * powers]).reshape(-1, 3)
        scale = np.linalg.norm(rows, axis=0) + 1e-30
        first, second, third = np.linalg.lstsq(rows / scale, wanted)[0] / scale  # of p in powers of k - 1
        error = float(np.sum((rows @ (first, second, third) - wanted) ** 2)) / signal.size
        found = (float(second - first + 1 - third), float(first), float(2 * second))
        if error < best.error and np.abs(found).max() <= LARGEST:
            best = Design(width**2 * covariance, *found, error)
    return best


def spectrum_of(planes: np.ndarray, covariance: np.ndarray, sigma: float) -> Spectrum:
    """The spectrum of an image before blur and noise, from the mean squares of its differences over two distances.

    They grow with the distance, fast where the spectrum falls off fast, and the noise adds 2 sigma^2 to each.

    Parameters
    ----------
    planes : array of shape (C, H, W)
        NaN where a pixel is missing.
    covariance, sigma
        Of the blur and the noise, as in :func:`wiener_design`.
    """
    axes = [axis for axis in (1, 2) if planes.shape[axis] > LAGS[1]]
    near, far = (
        max(sum(_difference(planes, lag, axis) for axis in axes) - 2 * len(axes) * sigma**2, 0) for lag in LAGS
    )
    if near <= 0 or far <= 0:
        return Spectrum(0.0, USUAL_FALLOFF)
    passed = transfer(covariance, GRID // 2 - 1) ** 2
    waves = [[_wave(lag, axis) * passed for axis in axes] for lag in LAGS]
    expected = [[float(np.mean(sum(wave) * Spectrum(1.0, falloff).power())) for wave in waves] for falloff in FALLOFFS]
    best = int(np.argmin([abs(np.log(one / four * far / near)) for one, four in expected]))
    return Spectrum(far / expected[best][1], FALLOFFS[best])


def _difference(planes: np.ndarray, lag: int, axis: int) -> float:
    """Mean square; 0 where no two pixels can be compared."""
    along = np.moveaxis(planes, axis, 0)
    squares = (along[lag:] - along[:-lag]) ** 2
    known = np.isfinite(squares)
    return float(squares.mean(where=known, dtype=np.float64)) if known.any() else 0.0


def _wave(lag: int, axis: int) -> np.ndarray:
    """What a difference over ``lag`` pixels does to the power of each frequency (GRID, GRID)."""
    power = 4 * np.sin(np.pi * np.fft.fftfreq(GRID) * lag) ** 2
    whole: np.ndarray = power[:, None] + np.zeros(GRID) if axis == 1 else power + np.zeros((GRID, 1))
    return whole


def transfer(covariance: np.ndarray, radius: int) -> np.ndarray:
    """Transfer function (GRID, GRID) of a Gaussian sampled at whole pixels in a window of that radius, sum 1."""
    radius = min(radius, GRID // 2 - 1)
    at = np.arange(-radius, radius + 1)
    d = np.stack(np.meshgrid(at, at, indexing="ij"), -1)
    weights = np.zeros((GRID, GRID))
    weights[at[:, None], at] = np.exp(-0.5 * np.einsum("...i,ij,...j", d, np.linalg.inv(covariance), d))
    return np.fft.fft2(weights / weights.sum()).real
