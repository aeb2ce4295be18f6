"""Camera noise: a sensor counts electrons (Poisson noise) and reads them out with an error (Gaussian noise).

In image values, the variance at a clean intensity x is gain x + read_noise^2 (Foi, Trimeche, Katkovnik and Egiazarian,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", 2008).
"""

from typing import Any

import numpy as np

SMOOTHING = 5  # pixels; maps of noise levels are computed from the mean intensity of 5 x 5 pixels
NO_GAIN = 1e-12  # below it there is no Poisson noise


def add_camera_noise(image: np.ndarray, gain: Any, read_noise: Any, random: np.random.Generator) -> np.ndarray:
    """Add Poisson noise of variance ``gain`` x, none where x is below 0, and Gaussian noise; without clipping.

    Parameters
    ----------
    image : float array
        Clean intensities x.
    gain : float, or array that broadcasts with the image
        Variance of the Poisson noise per intensity, at least 0.
    read_noise : float, or array that broadcasts with the image
        Standard deviation of the Gaussian noise in image values.
    random : numpy.random.Generator

    Returns
    -------
    array of the image's shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.degradations.camera_noise import add_camera_noise
    >>> noisy = add_camera_noise(np.full((200, 200), 0.5), 0.02, 0.05, np.random.default_rng(0))
    >>> round(float(noisy.var()), 3), round(0.02 * 0.5 + 0.05**2, 3)
    (0.013, 0.013)
    """
    gain = np.broadcast_to(np.asarray(gain, np.float64), image.shape)
    counts = random.poisson(np.maximum(image, 0) / np.maximum(gain, NO_GAIN))
    shot = np.where((gain > NO_GAIN) & (image > 0), gain * counts, image)
    return np.asarray(shot + read_noise * random.standard_normal(image.shape), image.dtype)


def draw_camera_noise(random: np.random.Generator, number: int, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw gains and read noises of plausible cameras.

    The standard deviation at mid-grey is uniform between 0 and ``largest``, and the Poisson noise's share of that
    variance is uniform between 0 (dark current and quantisation dominate) and 1 (photon noise dominates).

    Parameters
    ----------
    random : numpy.random.Generator
    number : int
        Of cameras.
    largest : float
        Standard deviation in image values.

    Returns
    -------
    (array of shape (number,), array of shape (number,)), float32
        Gains and read noises, as :func:`add_camera_noise` takes them.
    """
    sigma, shot = random.uniform(0, largest, number), random.random(number)
    return (2 * shot * sigma**2).astype(np.float32), (np.sqrt(1 - shot) * sigma).astype(np.float32)
