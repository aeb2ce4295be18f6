"""What is measured, task by task: how images are degraded, how networks restore them, and which baselines they meet."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pkn.degradations.camera_noise import add_camera_noise
from pkn.evaluation import baselines
from pkn.evaluation.metrics import Case, GroundTruth, Method, axis_of
from pkn.filters import AnisotropicGaussian
from pkn.filters.gaussian_parameters import inverse_widths
from pkn.pretrained import find_net
from pkn.restoration.deconvolution import deconvolve
from pkn.restoration.denoising import denoise
from pkn.restoration.upsampling import upsample

NOISE_LEVELS = (15.0, 25.0, 50.0)  # of 255
CAMERAS = ((0.002, 2), (0.01, 5), (0.03, 10))  # gain, read noise of 255


@dataclass(frozen=True)
class Task:
    """A task's cases, the verb that does it, and its baselines: for each name, the settings to choose from."""

    cases: list[Case]
    verb: Callable[..., np.ndarray]
    baselines: dict[str, list[Method]]


def make_task(task: str, noise: tuple[float, ...] = NOISE_LEVELS) -> Task:
    """The task of a task; ``noise`` are the levels (of 255) for "denoise".

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task == "denoise":
        cases = [Case(f"{level:g}", level / 255, partial(noisy, sigma=level / 255)) for level in noise]
        return Task(cases, denoise, baselines.denoisers())
    if task == "camera":
        cases = [
            Case(f"gain {gain:g}, read {read}/255", read / 255, partial(camera, gain=gain, read=read / 255))
            for gain, read in CAMERAS
        ]
        return Task(cases, denoise, baselines.denoisers())
    if task == "upsample":
        cases = [Case(f"x2, noise {level}", level / 255, partial(reduced, sigma=level / 255), 2) for level in (0, 10)]
        return Task(cases, partial(upsample, scale=2), baselines.upsamplers())
    if task == "deconvolve":
        return Task([Case("blurred", 0.0, blurred)], deconvolve, baselines.deconvolvers())
    raise ValueError(f"task is {task!r}; expected denoise, camera, upsample or deconvolve")


def net_method(task: Task, net: str, channels: int) -> Method:
    """A network's method, with its number of parameters."""
    parameters = find_net(net, channels).architecture.parameters

    def restore(given: np.ndarray, truth: GroundTruth) -> np.ndarray:
        return task.verb(given, net, channel_axis=axis_of(given))

    return Method(net, restore, parameters)


def noisy(clean: np.ndarray, random: np.random.Generator, sigma: float) -> tuple[np.ndarray, GroundTruth]:
    """White Gaussian noise, not clipped."""
    return clean + np.float32(sigma) * random.standard_normal(clean.shape, np.float32), {"sigma": sigma}


def camera(clean: np.ndarray, random: np.random.Generator, gain: float, read: float) -> tuple[np.ndarray, GroundTruth]:
    """Poisson noise of a gain, and white noise."""
    given = add_camera_noise(clean, gain, read, random)
    return given, {"sigma": float(np.sqrt(gain * clean.mean() + read**2))}


def reduced(clean: np.ndarray, random: np.random.Generator, sigma: float) -> tuple[np.ndarray, GroundTruth]:
    """Half the size by means of 2 x 2 pixels, then white noise."""
    small = clean.reshape(clean.shape[0] // 2, 2, clean.shape[1] // 2, 2, *clean.shape[2:]).mean((1, 3))
    return noisy(small, random, sigma)


def blurred(clean: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, GroundTruth]:
    """A Gaussian blur of 0.8 to 2.5 px, isotropic for half of the images, and white noise of 1 to 5 of 255."""
    along, across = random.uniform(0.8, 2.5, 2)
    across = along if random.random() < 1 / 2 else across
    kx, ky, rho = (float(value) for value in inverse_widths(along, across, random.uniform(0, np.pi)))
    flt, sigma = AnisotropicGaussian(radius=10), random.uniform(1, 5) / 255
    kernel = flt.kernel_at(np.zeros((21, 21)), (kx, ky, rho), (10, 10))
    precision: Any = [[ky**2, rho * kx * ky], [rho * kx * ky, kx**2]]
    truth = {"kernel": kernel, "blur": np.linalg.inv(precision), "width": float(np.sqrt(along * across))}
    given, _ = noisy(flt(clean, kx, ky, rho, channel_axis=axis_of(clean)), random, sigma)
    return given, {**truth, "sigma": sigma}
