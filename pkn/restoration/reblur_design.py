"""Design of a reblur filter: the polynomial in a Gaussian that best undoes a known blur, for white noise."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

GRID = 96  # frequencies along each axis
WIDTHS = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4)  # of the Gaussian to reblur with, as factors of the blur's width
LAGS = (1, 4)  # px; distances of the pixels whose differences the spectrum is fitted to
FALLOFFS = tuple(1.2 + 0.1 * k for k in range(25))  # photographs have about 2, and up to 3 where they are smooth
DEFAULT_FALLOFF = 2.0
LEAST_STRUCTURE = 0.05  # of neighbours' squared differences: correlated noise has less in them than white noise would
BLUR_RADII = 2  # radius of the blur's own window, as a factor of the filter's radius
LARGEST = 300.0  # of a coefficient; larger ones would amplify rounding errors


class Spectrum(NamedTuple):
    """Power spectrum of an image: contrast / f^falloff at f cycles per pixel (white noise has sigma^2 at each f)."""

    contrast: float
    falloff: float

    def power(self) -> np.ndarray:
        """Power (GRID, GRID) at the frequencies of ``numpy.fft.fft2``; 0 for the mean, which every polynomial keeps."""
        f = np.fft.fftfreq(GRID)
        squares = f[:, None] ** 2 + f**2
        squares[0, 0] = np.inf
        return self.at(squares)

    def at(self, squares: np.ndarray) -> np.ndarray:
        """Power at frequencies, given by their squares."""
        power: np.ndarray = self.contrast * squares ** (-self.falloff / 2)
        return power


class Design(NamedTuple):
    """A reblur: the covariance of its Gaussian (row, column; px^2), its polynomial, and its expected squared error."""

    covariance: np.ndarray
    gain: float
    slope: float
    curvature: float
    error: float


def wiener_design(
    covariance: np.ndarray, sigma: float, spectrum: Spectrum, radius: int, likely: Sequence[np.ndarray] = ()
) -> Design:
    """The reblur p(K) with the least mean squared error E |p(K) (H x + n) - x|^2.

    A Wiener filter within the family: with transfer functions h of the blur and k of the Gaussian, the integral of
    S (1 - p(k) h)^2 + N p(k)^2 over all frequencies is quadratic in the polynomial's coefficients, and so solved
    exactly; S is the image's spectrum and N = sigma^2. This is done for each width of k in ``WIDTHS``, and the best
    design is returned.

    Parameters
    ----------
    covariance : array of shape (2, 2)
        Of the blur H, in px^2, order (row, column).
    sigma : float
        Standard deviation of the noise n.
    spectrum : Spectrum
        Of the image; see :func:`fit_spectrum`.
    radius : int
        Of K's window in pixels.
    likely : sequence of arrays of shape (2, 2)
        Covariances that a blur which isn't known exactly may have: the mean of their errors is minimised.

    Returns
    -------
    Design
    """
    signal = spectrum.power()
    blurs = [transfer(each, BLUR_RADII * radius) for each in likely or (covariance,)]
    weight = 1 / len(blurs) ** 0.5
    target = np.concatenate(
        [np.sqrt(signal) * (1 - h) * weight for h in blurs] + [np.full_like(signal, -sigma)]
    ).ravel()
    best = Design(covariance, 1.0, 0.0, 0.0, float(np.sum(target**2)) / signal.size)
    for width in WIDTHS:
        k = transfer(width**2 * covariance, radius)
        powers = (k - 1)[..., None] ** np.arange(1, 4)
        parts = [(np.sqrt(signal) * h * weight)[..., None] * powers for h in blurs]
        rows = np.concatenate([*parts, sigma * powers]).reshape(-1, 3)
        scale = np.linalg.norm(rows, axis=0) + 1e-30
        first, second, third = np.linalg.lstsq(rows / scale, target)[0] / scale  # of p in powers of k - 1
        error = float(np.sum((rows @ (first, second, third) - target) ** 2)) / signal.size
        coefficients = (float(second - first + 1 - third), float(first), float(2 * second))
        if error < best.error and np.abs(coefficients).max() <= LARGEST:
            best = Design(width**2 * covariance, *coefficients, error)
    return best


def fit_spectrum(planes: np.ndarray, covariance: np.ndarray, sigma: float) -> Spectrum:
    """Fit the spectrum of an image before blur and noise to mean squared differences of pixels at two distances.

    The mean square grows with the distance, the faster the steeper the spectrum falls off; noise adds 2 sigma^2 to it.

    Parameters
    ----------
    planes : array of shape (C, H, W)
        NaN where a pixel is missing.
    covariance, sigma
        Of the blur and the noise, as in :func:`wiener_design`.

    Returns
    -------
    Spectrum
        With contrast 0 if the image has no structure beyond the noise.
    """
    axes = [axis for axis in (1, 2) if planes.shape[axis] > LAGS[1]]
    noise = 2 * len(axes) * sigma**2
    near, far = (sum(_mean_squared_difference(planes, lag, axis) for axis in axes) for lag in LAGS)
    near, far = max(near - noise, LEAST_STRUCTURE * near), far - noise
    if far <= 0 or near <= 0:
        return Spectrum(0.0, DEFAULT_FALLOFF)
    power_gain = transfer(covariance, GRID // 2 - 1) ** 2
    gains = [[_difference_gain(lag, axis) * power_gain for axis in axes] for lag in LAGS]
    expected = [[float(np.mean(sum(gain) * Spectrum(1.0, falloff).power())) for gain in gains] for falloff in FALLOFFS]
    best = int(np.argmin([abs(np.log(e_near / e_far * far / near)) for e_near, e_far in expected]))
    return Spectrum(far / expected[best][1], FALLOFFS[best])


def _mean_squared_difference(planes: np.ndarray, lag: int, axis: int) -> float:
    """Mean squared difference of pixels at a distance along an axis; 0 if there are no two such valid pixels."""
    lines = np.moveaxis(planes, axis, 0)
    squares = (lines[lag:] - lines[:-lag]) ** 2
    valid = np.isfinite(squares)
    return float(squares.mean(where=valid, dtype=np.float64)) if valid.any() else 0.0


def _difference_gain(lag: int, axis: int) -> np.ndarray:
    """Factor (GRID, GRID) by which a difference over ``lag`` pixels multiplies the power of each frequency."""
    power = 4 * np.sin(np.pi * np.fft.fftfreq(GRID) * lag) ** 2
    gain: np.ndarray = power[:, None] + np.zeros(GRID) if axis == 1 else power + np.zeros((GRID, 1))
    return gain


def transfer(covariance: np.ndarray, radius: int) -> np.ndarray:
    """Transfer function (GRID, GRID) of a Gaussian, sampled at the pixels of a window of ``radius``, with sum 1."""
    radius = min(radius, GRID // 2 - 1)
    offsets = np.arange(-radius, radius + 1)
    d = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), -1)
    weights = np.zeros((GRID, GRID))
    weights[offsets[:, None], offsets] = np.exp(-0.5 * np.einsum("...i,ij,...j", d, np.linalg.inv(covariance), d))
    return np.fft.fft2(weights / weights.sum()).real
