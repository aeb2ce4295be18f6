"""What a network can be trained for: how an image is degraded, and how the network restores it.

A task draws settings for a number of images (arrays (N,), float32), degrades clean images (N, C, H, W) by them, gives
the ``baseline_error``, a typical squared error at those settings (the loss is divided by it, so that all settings count
alike in dB), and lets a network restore what was degraded. ``checks`` are the settings that are validated, by the name
they are reported under.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.camera_noise import SMOOTHING, add_camera_noise, draw_camera_noise
from pkn.filters import AnisotropicGaussian, AnisotropicGaussianMaps, IsotropicGaussian, IsotropicGaussianMaps
from pkn.filters.gaussian_parameters import inverse_widths
from pkn.nets import MapNet

REGULAR = 2 / 255
ERROR_POWER = 1.4  # white noise of level sigma leaves a squared error of about sigma^1.4
BLUR_RADIUS = 8
WIDEST_CORRELATION = 1.2  # px


class Denoise:
    """White Gaussian noise of up to ``largest``, each image with its own level."""

    checks: ClassVar[dict[str, dict[str, float]]] = {str(level): {"sigma": level / 255} for level in (15, 25, 50)}

    def __init__(self, largest: float) -> None:
        self.largest = largest

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        return {"sigma": random.uniform(0, self.largest, number).astype(np.float32)}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> np.ndarray:
        return clean + _column(sigma) * random.standard_normal(clean.shape, np.float32)

    def baseline_error(self, clean: Tensor, given: Tensor, sigma: Any) -> Tensor:
        return torch.as_tensor((sigma + np.float32(REGULAR)) ** ERROR_POWER)

    def restore(self, net: MapNet, given: Tensor, sigma: Any) -> Tensor:
        return net.denoise(given)


class Camera:
    """Poisson and Gaussian noise, up to ``largest`` at mid-grey; the network is told the level at each pixel.

    Half of the images have it as demosaicing and JPEG leave it: alike in neighbouring pixels, by a Gaussian of up to
    ``WIDEST_CORRELATION`` px that keeps its level.
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
        noise = add_camera_noise(clean, _column(gain), _column(read), random) - clean
        width = np.maximum(_column(correlation), np.float32(0.1))
        taps = np.exp(-np.square(np.arange(-4, 5, dtype=np.float32)) / (2 * width**2))
        level = np.square(taps).sum(3, keepdims=True) / np.square(taps.sum(3, keepdims=True))  # of variance, per axis
        alike, _ = IsotropicGaussian(4).forward(noise, IsotropicGaussianMaps(width), keep=False)
        return np.asarray(clean + alike / level)

    def baseline_error(self, clean: Tensor, given: Tensor, gain: Any, read: Any, **more: Any) -> Tensor:
        return torch.as_tensor((np.sqrt(gain / 2 + np.square(read)) + np.float32(REGULAR)) ** ERROR_POWER)

    def restore(self, net: MapNet, given: Tensor, gain: Any, read: Any, **more: Any) -> Tensor:
        intensity = F.avg_pool2d(given.mean(1, keepdim=True), SMOOTHING, 1, SMOOTHING // 2, count_include_pad=False)
        gain, read = (torch.from_numpy(_column(values)).to(given.device) for values in (gain, read))
        return net.denoise(given, torch.sqrt(gain * intensity.clamp_min(0) + read.square()))


class Deblur:
    """A Gaussian blur of 0.3 to 2.5 px along and across any direction, then white noise of up to 6/255."""

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
        maps = AnisotropicGaussianMaps(*(_column(values) for values in inverse_widths(along, across, angle)))
        blurred, _ = AnisotropicGaussian(BLUR_RADIUS).forward(clean, maps, keep=False)
        return np.asarray(blurred + _column(sigma) * random.standard_normal(clean.shape, np.float32))

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(given, clean) + REGULAR**2

    def restore(self, net: MapNet, given: Tensor, **settings: Any) -> Tensor:
        return net.denoise(given)


class Upsample:
    """Half the size by means of 2 x 2 pixels, then white noise of up to 25/255, or none for a third of the images."""

    checks: ClassVar[dict[str, dict[str, float]]] = {f"noise {level}": {"sigma": level / 255} for level in (0, 10, 25)}

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        sigma = np.maximum(random.uniform(-12.5 / 255, 25 / 255, number), 0)
        return {"sigma": sigma.astype(np.float32)}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, sigma: Any) -> np.ndarray:
        height, width = clean.shape[2:]
        small = clean.reshape(*clean.shape[:2], height // 2, 2, width // 2, 2).mean((3, 5))
        return np.asarray(small + _column(sigma) * random.standard_normal(small.shape, np.float32))

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        return _error(F.interpolate(given, scale_factor=2, mode="bilinear"), clean) + REGULAR**2

    def restore(self, net: MapNet, given: Tensor, **settings: Any) -> Tensor:
        return net.denoise(given)


def _error(image: Tensor, clean: Tensor) -> Tensor:
    return (image - clean).square().mean((1, 2, 3))


def _column(values: Any) -> np.ndarray:
    return np.reshape(np.asarray(values, np.float32), (-1, 1, 1, 1))


Task = Denoise | Camera | Deblur | Upsample
TASKS = ("denoise", "camera", "deblur", "upsample")


def make_task(name: str, largest_noise: float) -> Task:
    """The task of that name; ``largest_noise`` matters to "denoise" and "camera".

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in TASKS:
        raise ValueError(f"task is {name!r}; expected one of {', '.join(TASKS)}")
    if name in ("denoise", "camera"):
        return (Denoise if name == "denoise" else Camera)(largest_noise)
    return Deblur() if name == "deblur" else Upsample()
