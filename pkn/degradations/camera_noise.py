"""Noise of cameras: a sensor counts electrons (Poisson) and reads them out with an error (Gaussian).

In image values, the variance at a clean intensity x is gain x + read_noise^2 (Foi, Trimeche, Katkovnik and Egiazarian,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", 2008).
"""

from typing import Any

import numpy as np

SMOOTHING = 5  # pixels; the intensity that a map of noise levels is taken at


def add_camera_noise(image: np.ndarray, gain: Any, read_noise: Any, random: np.random.Generator) -> np.ndarray:
    """Poisson noise of variance ``gain`` x (none below 0), and Gaussian noise on top; not clipped.

    Parameters
    ----------
    image : float array
    gain, read_noise : float, or arrays that broadcast with the image
        As in :class:`pkn.restoration.noise_estimation.NoiseEstimate`.
    random : numpy.random.Generator
    """
    gain = np.broadcast_to(np.asarray(gain, np.float64), image.shape)
    counts = random.poisson(np.maximum(image, 0) / np.maximum(gain, 1e-12))
    shot = np.where((gain > 1e-12) & (image > 0), gain * counts, image)
    return np.asarray(shot + read_noise * random.standard_normal(image.shape), image.dtype)


def draw_camera_noise(random: np.random.Generator, number: int, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Gains and read noises of ``number`` plausible cameras.

    The standard deviation at mid-grey is even between 0 and ``largest``, and the shot noise's share of that variance is
    even between 0 (dark current and quantisation rule) and 1 (photons rule).
    """
    sigma, shot = random.uniform(0, largest, number), random.random(number)
    return (2 * shot * sigma**2).astype(np.float32), (np.sqrt(1 - shot) * sigma).astype(np.float32)
