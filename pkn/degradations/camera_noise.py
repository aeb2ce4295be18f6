"""Camera noise: a sensor counts electrons (Poisson noise) and reads them out with an error (Gaussian noise).

In image values, the variance at a clean intensity x is gain x + read_noise^2 (Foi, Trimeche, Katkovnik and Egiazarian,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", 2008).
"""

from typing import Any

import numpy as np

from pkn.degradations.operations import correlate_noise

SMOOTHING = 5  # pixels; maps of noise levels are computed from the mean intensity of 5 x 5 pixels
NO_GAIN = 1e-12  # below it there is no Poisson noise
GAINS = 3e-4, 0.05  # of sensors, in images of 0 to 1: 3,000 to 20 electrons in white
WIDTHS = -0.5, 1.5  # px, of the Gaussian that correlates a sensor's noise; below 0 none does


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


def draw_sensor(random: np.random.Generator) -> tuple[float, float, float]:
    """Draw a sensor's gain and read noise, and the width in pixels of what correlates its noise (0 for a quarter)."""
    gain = float(np.exp(random.uniform(*np.log(GAINS))))
    read_noise = np.sqrt(gain) * random.uniform(0, 0.6) if random.random() < 0.7 else random.uniform(0, 0.1)
    return gain, float(read_noise), max(float(random.uniform(*WIDTHS)), 0.0)


def sensor_noise(
    clean: np.ndarray, gain: float, read_noise: float, width: float, random: np.random.Generator
) -> np.ndarray:
    """Noise of a sensor on a clean image (C, H, W) of float32, as :func:`draw_sensor` has it."""
    noise = add_camera_noise(clean, gain, read_noise, random) - clean
    return np.asarray(correlate_noise(noise[None], width)[0])
