"""Training tasks: how images are degraded, and how a network restores them.

A task draws settings for a number of images (arrays (N,), float32), degrades clean images (N, C, H, W) by them, and
lets a network restore what was degraded. Its ``baseline_error`` is a typical squared error at those settings: the loss
is divided by it, so that all settings have the same weight in dB. ``checks`` are the settings of validation, by the
name under which they are reported.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.camera_noise import SMOOTHING, add_camera_noise, draw_camera_noise
from pkn.degradations.operations import add_white_noise, correlate_noise, gaussian_blur, halve, to_column
from pkn.nets import MapNet

REGULARIZATION = 2 / 255  # of noise levels, so that no baseline error is 0
ERROR_POWER = 1.4  # a network's squared error for white noise of a noise level sigma is about sigma^1.4
BLUR_RADIUS = 8  # pixels
WIDEST_CORRELATION = 1.2  # pixels


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

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> np.ndarray:
        return add_white_noise(clean, to_column(sigma), random)

    def baseline_error(self, clean: Tensor, given: Tensor, sigma: Any) -> Tensor:
        return torch.as_tensor((sigma + np.float32(REGULARIZATION)) ** ERROR_POWER)

    def restore(self, net: MapNet, given: Tensor, sigma: Any) -> Tensor:
        return net.denoise(given)


class Camera:
    """Poisson and Gaussian noise; the network takes the noise level at each pixel as an input.

    For half of the images the noise is as demosaicing and JPEG leave it: spatially correlated, by a Gaussian of up to
    ``WIDEST_CORRELATION`` pixels that doesn't change the noise level.

    Parameters
    ----------
    largest : float
        Largest noise level at mid-grey in image values.
    """

    checks: ClassVar[dict[str, dict[str, float]]] = {
        f"gain {gain:g}, read {read}": {"gain": gain, "read": read / 255}
        for gain, read in ((0.002, 2), (0.01, 5), (0.03, 10))
    } | {"gain 0.01, read 5, 0.8 px": {"gain": 0.01, "read": 5 / 255, "correlation": 0.8}}

    def __init__(self, largest: float) -> None:
        self.largest = largest

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        gain, read = draw_camera_noise(random, number, self.largest)
        width = np.maximum(random.uniform(-WIDEST_CORRELATION, WIDEST_CORRELATION, number), 0)
        return {"gain": gain, "read": read, "correlation": width.astype(np.float32)}

    def degrade(
        self, clean: np.ndarray, random: np.random.Generator, gain: Any, read: Any, correlation: Any = 0.0
    ) -> np.ndarray:
        noise = add_camera_noise(clean, to_column(gain), to_column(read), random) - clean
        return np.asarray(clean + correlate_noise(noise, correlation))

    def baseline_error(self, clean: Tensor, given: Tensor, gain: Any, read: Any, **more: Any) -> Tensor:
        return torch.as_tensor((np.sqrt(gain / 2 + np.square(read)) + np.float32(REGULARIZATION)) ** ERROR_POWER)

    def restore(self, net: MapNet, given: Tensor, gain: Any, read: Any, **more: Any) -> Tensor:
        intensity = F.avg_pool2d(given.mean(1, keepdim=True), SMOOTHING, 1, SMOOTHING // 2, count_include_pad=False)
        gain, read = (torch.from_numpy(to_column(values)).to(given.device) for values in (gain, read))
        return net.denoise(given, torch.sqrt(gain * intensity.clamp_min(0) + read.square()))


class Deblur:
    """A Gaussian blur of 0.3 to 2.5 px along and across a random direction, then white noise of up to 6/255."""

    checks: ClassVar[dict[str, dict[str, float]]] = {
        f"{blur:g} px": {"along": blur, "across": blur, "angle": 0.0, "sigma": 2 / 255} for blur in (0.8, 1.5, 2.5)
    }

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        along, across = (random.uniform(0.3, 2.5, number).astype(np.float32) for _ in range(2))
        across = np.where(random.random(number) < 1 / 2, along, across)
        angle, sigma = random.uniform(0, np.pi, number), random.uniform(0, 6 / 255, number)
        return {"along": along, "across": across, "angle": angle.astype(np.float32), "sigma": sigma.astype(np.float32)}

    def degrade(
        self, clean: np.ndarray, random: np.random.Generator, along: Any, across: Any, angle: Any, sigma: Any
    ) -> np.ndarray:
        return add_white_noise(gaussian_blur(clean, along, across, angle, BLUR_RADIUS), to_column(sigma), random)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(given, clean) + REGULARIZATION**2

    def restore(self, net: MapNet, given: Tensor, **settings: Any) -> Tensor:
        return net.denoise(given)


class Upsample:
    """Half the resolution by means of 2 x 2 pixels, then white noise of up to 25/255, none for a third of them."""

    checks: ClassVar[dict[str, dict[str, float]]] = {f"noise {level}": {"sigma": level / 255} for level in (0, 10, 25)}

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        sigma = np.maximum(random.uniform(-12.5 / 255, 25 / 255, number), 0)
        return {"sigma": sigma.astype(np.float32)}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> np.ndarray:
        return add_white_noise(halve(clean), to_column(sigma), random)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(F.interpolate(given, scale_factor=2, mode="bilinear"), clean) + REGULARIZATION**2

    def restore(self, net: MapNet, given: Tensor, **settings: Any) -> Tensor:
        return net.denoise(given)


def _error(image: Tensor, clean: Tensor) -> Tensor:
    return (image - clean).square().mean((1, 2, 3))


Task = Denoise | Camera | Deblur | Upsample
TASKS = ("denoise", "camera", "deblur", "upsample")


def make_task(name: str, largest_noise: float) -> Task:
    """The training task of a name.

    Parameters
    ----------
    name : {"denoise", "camera", "deblur", "upsample"}
    largest_noise : float
        Largest noise level in image values, for "denoise" and "camera".

    Returns
    -------
    Denoise, Camera, Deblur or Upsample

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if name not in TASKS:
        raise ValueError(f"task is {name!r}; expected one of {', '.join(TASKS)}")
    if name in ("denoise", "camera"):
        return (Denoise if name == "denoise" else Camera)(largest_noise)
    return Deblur() if name == "deblur" else Upsample()
