"""Draws of the noise that an image has, as its user or the estimate says it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from pkn.filters.luma_chroma_pyramid import to_rgb
from pkn.restoration.noise_profile import NoiseProfile, of_channels

Draw = Callable[[np.random.Generator], np.ndarray]


def noise_draws(clean: np.ndarray, noise: Any) -> Draw:
    """A function that draws the noise of an image, given the image without it.

    Parameters
    ----------
    clean : array of shape (C, H, W)
        Float planes, about the clean image: where noise depends on intensity it is that of these.
    noise : float, array of shape (H, W), or NoiseProfile
        White noise of a level, or of one at each pixel; or that of a profile: Gaussian, with its deviation at each
        intensity, its correlation, and its luma and chroma. (Photons are counted so as if there were many.)

    Returns
    -------
    callable
        ``draw(random)`` has the shape and dtype of ``clean``.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn import NoiseProfile
    >>> from pkn.evidence.drawn_noise import noise_draws
    >>> clean = np.repeat([[[0.2], [0.8]]], 10_000, axis=2)
    >>> noise = noise_draws(clean, NoiseProfile.of_sensor(gain=0.01, read_noise=0.0))(np.random.default_rng(0))
    >>> (noise**2).mean(2).round(3).tolist()  # gain times intensity
    [[0.002, 0.008]]
    """
    if not isinstance(noise, NoiseProfile):
        deviation = np.asarray(noise, clean.dtype)
        return lambda random: np.asarray(deviation * random.standard_normal(clean.shape, clean.dtype))
    luma = clean.mean(0)
    deviations = np.stack([np.interp(luma, noise.intensity, part) for part in noise.sigma[0]]).astype(clean.dtype)
    if noise.rgb:
        deviations = deviations[[0, 1, 1]]

    def draw(random: np.random.Generator) -> np.ndarray:
        planes = deviations * _correlated(random.standard_normal(clean.shape, clean.dtype), noise.correlation)
        return np.asarray(to_rgb(planes[None])[0] if noise.rgb else planes)

    return draw


def generator(rng: Any) -> np.random.Generator:
    """The generator for ``rng`` (None, an int or a Generator): for an int another than ``numpy.random.default_rng``'s.

    Whoever simulates noise with seed 0 and asks for its risk with seed 0 would else get probes that are the noise.
    """
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng(np.random.SeedSequence(rng).spawn(1)[0])


def variance(clean: np.ndarray, noise: Any) -> np.ndarray:
    """The variance of each value's noise, of the shape of ``clean`` (C, H, W); parameters as in :func:`noise_draws`."""
    if not isinstance(noise, NoiseProfile):
        return np.broadcast_to(np.square(np.asarray(noise, clean.dtype)), clean.shape)
    luma = clean.mean(0)
    power = of_channels(np.stack([np.interp(luma, noise.intensity, part) ** 2 for part in noise.sigma[0]]))
    return np.broadcast_to(power.astype(clean.dtype), clean.shape)


def _correlated(white: np.ndarray, width: float) -> np.ndarray:
    """White noise (C, H, W) blurred by a Gaussian, with variance 1 again."""
    if width <= 0:
        return white
    impulse = np.zeros(2 * int(4 * width + 1) + 1)
    impulse[impulse.size // 2] = 1
    kept = float(np.square(gaussian_filter(impulse, width)).sum())  # of the variance, along each axis
    return np.asarray(gaussian_filter(white, (0, width, width), mode="wrap") / kept, white.dtype)
