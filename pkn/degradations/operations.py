"""Degradations of NumPy images that training tasks and evaluation tasks share.

Camera noise, which :mod:`pkn.restoration.noise_estimation` estimates, is in :mod:`pkn.degradations.camera_noise`.
"""

from typing import Any

import numpy as np

from pkn.filters import AnisotropicGaussian, AnisotropicGaussianMaps, IsotropicGaussian, IsotropicGaussianMaps
from pkn.filters.gaussian_parameters import inverse_widths

CORRELATION_RADIUS = 4  # pixels
NARROWEST = 0.1  # pixels; a Gaussian of this width leaves an image as it is


def to_column(values: Any) -> np.ndarray:
    """A number, or one for each of N images, as float32 of shape (1 or N, 1, 1, 1)."""
    return np.reshape(np.asarray(values, np.float32), (-1, 1, 1, 1))


def add_white_noise(image: np.ndarray, sigma: Any, random: np.random.Generator) -> np.ndarray:
    """Add white Gaussian noise, without clipping.

    Parameters
    ----------
    image : float array
    sigma : float, or array that broadcasts with the image
        Standard deviation of the noise, in image values.
    random : numpy.random.Generator
        Draws one float32 number for each value of the image.

    Returns
    -------
    array of the image's shape

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.operations import add_white_noise
    >>> noisy = add_white_noise(np.full((100, 100), 0.5, np.float32), 0.1, np.random.default_rng(0))
    >>> noisy.shape, noisy.dtype.name, round(float(noisy.std()), 2)
    ((100, 100), 'float32', 0.1)
    """
    noisy: np.ndarray = image + np.asarray(sigma, np.float32) * random.standard_normal(image.shape, np.float32)
    return noisy


def correlate_noise(noise: np.ndarray, width: Any) -> np.ndarray:
    """Make white noise spatially correlated by a Gaussian filter, and scale it to its variance before.

    Parameters
    ----------
    noise : array of shape (N, C, H, W), float32
    width : float or array of shape (N,)
        Standard deviation of the Gaussian in pixels, at least 0.1 (which changes nothing).

    Returns
    -------
    array of shape (N, C, H, W)
    """
    width = np.maximum(to_column(width), np.float32(NARROWEST))
    offsets = np.arange(-CORRELATION_RADIUS, CORRELATION_RADIUS + 1, dtype=np.float32)
    taps = np.exp(-np.square(offsets) / (2 * width**2))
    # The filter multiplies the variance by this factor along each of the two axes.
    factor = np.square(taps).sum(3, keepdims=True) / np.square(taps.sum(3, keepdims=True))
    filtered, _ = IsotropicGaussian(CORRELATION_RADIUS).forward(noise, IsotropicGaussianMaps(width), keep=False)
    return np.asarray(filtered / factor)


def gaussian_blur(images: np.ndarray, along: Any, across: Any, angle: Any, radius: int) -> np.ndarray:
    """Blur images by an anisotropic Gaussian.

    Parameters
    ----------
    images : array of shape (N, C, H, W)
    along, across : float or array of shape (N,)
        Standard deviations in pixels, along and across a direction.
    angle : float or array of shape (N,)
        The direction in radians, from the columns' axis to the rows' axis.
    radius : int
        Of the window in pixels.

    Returns
    -------
    array of shape (N, C, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.operations import gaussian_blur
    >>> impulse = np.zeros((1, 1, 9, 9), np.float32)
    >>> impulse[0, 0, 4, 4] = 1
    >>> blurred = gaussian_blur(impulse, along=2.0, across=0.5, angle=0.0, radius=4)[0, 0]
    >>> [round(float(value), 2) for value in blurred.sum(0)]  # wide along the columns' axis
    [0.03, 0.07, 0.12, 0.18, 0.2, 0.18, 0.12, 0.07, 0.03]
    """
    maps = AnisotropicGaussianMaps(*(to_column(values) for values in inverse_widths(along, across, angle)))
    blurred, _ = AnisotropicGaussian(radius).forward(images, maps, keep=False)
    return np.asarray(blurred)


def halve(image: np.ndarray, axes: tuple[int, int] = (-2, -1)) -> np.ndarray:
    """Halve the resolution by means of 2 x 2 pixels.

    Parameters
    ----------
    image : array
        An odd last row or column is left out.
    axes : (int, int)
        The axes of rows and columns.

    Returns
    -------
    array with half the size (rounded down) along the two axes

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.operations import halve
    >>> halve(np.arange(12.0).reshape(2, 6)).tolist()
    [[3.5, 5.5, 7.5]]
    """
    halved_axes = {axis % image.ndim for axis in axes}
    shape: list[int] = []
    averaged = []
    for axis, size in enumerate(image.shape):
        if axis in halved_axes:
            averaged.append(len(shape) + 1)
        shape += [size // 2, 2] if axis in halved_axes else [size]
    even = image[tuple(np.s_[: size // 2 * 2] if n in halved_axes else np.s_[:] for n, size in enumerate(image.shape))]
    return np.asarray(even.reshape(shape).mean(tuple(averaged)))
