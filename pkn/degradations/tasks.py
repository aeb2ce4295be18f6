"""Training tasks: how images are degraded, and how a network restores them.

A task draws settings for a number of images (arrays (N,)) and degrades clean images (N, C, H, W) by them. Its
``baseline_error`` is a typical squared error at those settings: the loss is divided by it, so that all settings have
the same weight in dB. ``checks`` are the settings of validation, by the name under which they are reported.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.any_noise import ERROR_POWER, WHITE_SHARE, AnyNoise
from pkn.degradations.operations import NARROWEST, add_white_noise, gaussian_blur, halve, to_column
from pkn.degradations.sample import Sample

REGULARIZATION = 2 / 255  # of noise levels, so that no baseline error is 0
BLUR_RADIUS = 8  # pixels
SHARP = 0.1  # share of the images that aren't blurred


class Denoise:
    """White Gaussian noise, with a noise level for each image.

    Parameters
    ----------
    largest : float
        Largest noise level in image values.
    """

    checks: ClassVar[dict[str, dict[str, float]]] = {str(level): {"sigma": level / 255} for level in (15, 25, 50)}

    def __init__(self, largest: float) -> None:
        self.largest = largest

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        return {"sigma": random.uniform(0, self.largest, number).astype(np.float32)}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> Sample:
        return Sample(add_white_noise(clean, to_column(sigma), random), clean)

    def baseline_error(self, clean: Tensor, given: Tensor, sigma: Any) -> Tensor:
        return torch.as_tensor((sigma + np.float32(REGULARIZATION)) ** ERROR_POWER)


class Deblur:
    """A Gaussian blur of 0.3 to 2.5 px along and across a random direction, then white noise of up to 6/255.

    A tenth of the images are left sharp, so that a network learns to recognise them.
    """

    checks: ClassVar[dict[str, dict[str, float]]] = {
        f"{blur:g} px": {"along": blur, "across": blur, "angle": 0.0, "sigma": 2 / 255}
        for blur in (NARROWEST, 0.8, 1.5, 2.5)
    }

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        along, across = (random.uniform(0.3, 2.5, number).astype(np.float32) for _ in range(2))
        across = np.where(random.random(number) < 1 / 2, along, across)
        sharp = random.random(number) < SHARP
        along, across = (np.where(sharp, np.float32(NARROWEST), width) for width in (along, across))
        angle, sigma = random.uniform(0, np.pi, number), random.uniform(0, 6 / 255, number)
        return {"along": along, "across": across, "angle": angle.astype(np.float32), "sigma": sigma.astype(np.float32)}

    def degrade(
        self, clean: np.ndarray, random: np.random.Generator, along: Any, across: Any, angle: Any, sigma: Any
    ) -> Sample:
        blurred = gaussian_blur(clean, along, across, angle, BLUR_RADIUS)
        return Sample(add_white_noise(blurred, to_column(sigma), random), clean)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(given, clean) + REGULARIZATION**2


class Upsample:
    """Half the resolution by means of 2 x 2 pixels, then white noise of up to 25/255, none for a third of them."""

    checks: ClassVar[dict[str, dict[str, float]]] = {f"noise {level}": {"sigma": level / 255} for level in (0, 10, 25)}

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        sigma = np.maximum(random.uniform(-12.5 / 255, 25 / 255, number), 0)
        return {"sigma": sigma.astype(np.float32)}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> Sample:
        return Sample(add_white_noise(halve(clean), to_column(sigma), random), clean)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(F.interpolate(given, scale_factor=2, mode="bilinear"), clean) + REGULARIZATION**2


def _error(image: Tensor, clean: Tensor) -> Tensor:
    return (image - clean).square().mean((1, 2, 3))


Task = Denoise | AnyNoise | Deblur | Upsample
TASKS = ("denoise", "any-noise", "deblur", "upsample")


def make_task(name: str, largest_noise: float, white_share: float = WHITE_SHARE) -> Task:
    """The training task of a name.

    Parameters
    ----------
    name : {"denoise", "any-noise", "deblur", "upsample"}
    largest_noise : float
        Largest noise level in image values, of white noise, for "denoise" and "any-noise".
    white_share : float
        Of images with white noise, for "any-noise"; see :class:`pkn.degradations.any_noise.AnyNoise`.

    Returns
    -------
    Denoise, AnyNoise, Deblur or Upsample

    Raises
    ------
    ValueError
        If there is no such task, or the share is out of its range.
    """
    if name not in TASKS:
        raise ValueError(f"task is {name!r}; expected one of {', '.join(TASKS)}")
    if name in ("denoise", "any-noise"):
        return Denoise(largest_noise) if name == "denoise" else AnyNoise(largest_noise, white_share)
    return Deblur() if name == "deblur" else Upsample()
