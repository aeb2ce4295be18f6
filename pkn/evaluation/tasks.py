"""Evaluation tasks: how images are degraded, how networks restore them, and which baselines they are compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pkn.degradations.camera_noise import add_camera_noise
from pkn.degradations.operations import add_white_noise, gaussian_blur, halve
from pkn.evaluation import baselines
from pkn.evaluation.metrics import Case, GroundTruth, Method, axis_of
from pkn.filters import AnisotropicGaussian
from pkn.filters.arrays import from_planes, to_planes
from pkn.filters.gaussian_parameters import inverse_widths
from pkn.pretrained import find_net
from pkn.restoration.deconvolution import deconvolve
from pkn.restoration.denoising import denoise
from pkn.restoration.upsampling import upsample

NOISE_LEVELS = (15.0, 25.0, 50.0)  # of 255
CAMERAS = ((0.002, 2), (0.01, 5), (0.03, 10))  # gain, read noise of 255
BLUR_RADIUS = 10  # pixels


@dataclass(frozen=True)
class Task:
    """How a kind of restoration is evaluated.

    Parameters
    ----------
    cases : list of Case
        The degradations.
    verb : callable
        The function of this package that restores: ``verb(image, net, channel_axis=...)``.
    baselines : dict of str to list of Method
        Other methods by name, each with all settings that may be chosen.
    """

    cases: list[Case]
    verb: Callable[..., np.ndarray]
    baselines: dict[str, list[Method]]


def make_task(task: str, noise: tuple[float, ...] = NOISE_LEVELS) -> Task:
    """The evaluation task of a name.

    Parameters
    ----------
    task : {"denoise", "camera", "upsample", "deconvolve"}
    noise : tuple of float
        Noise levels, of 255, for "denoise".

    Returns
    -------
    Task

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if task == "denoise":
        cases = [Case(f"{level:g}", level / 255, partial(_add_white_noise, sigma=level / 255)) for level in noise]
        return Task(cases, denoise, baselines.denoisers())
    if task == "camera":
        cases = [
            Case(f"gain {gain:g}, read {read}/255", read / 255, partial(_add_camera_noise, gain=gain, read=read / 255))
            for gain, read in CAMERAS
        ]
        return Task(cases, denoise, baselines.denoisers())
    if task == "upsample":
        levels = (0, 5, 10, 25, 50)
        cases = [Case(f"x2, noise {level}", level / 255, partial(_halve, sigma=level / 255), 2) for level in levels]
        return Task(cases, partial(upsample, scale=2), baselines.upsamplers())
    if task == "deconvolve":
        return Task([Case("blurred", 0.0, _blur)], deconvolve, baselines.deconvolvers())
    raise ValueError(f"task is {task!r}; expected denoise, camera, upsample or deconvolve")


def net_method(task: Task, net: str, channels: int) -> Method:
    """A network as a method of evaluation, with its number of parameters.

    Parameters
    ----------
    task : Task
    net : str
        A bundled name or a ``.safetensors`` file.
    channels : int
        Of the images.

    Returns
    -------
    Method
    """
    parameters = find_net(net, channels).architecture.parameters

    def restore(given: np.ndarray, truth: GroundTruth) -> np.ndarray:
        return task.verb(given, net, channel_axis=axis_of(given))

    return Method(net, restore, parameters)


def _add_white_noise(clean: np.ndarray, random: np.random.Generator, sigma: float) -> tuple[np.ndarray, GroundTruth]:
    """White Gaussian noise."""
    return add_white_noise(clean, sigma, random), {"sigma": sigma}


def _add_camera_noise(
    clean: np.ndarray, random: np.random.Generator, gain: float, read: float
) -> tuple[np.ndarray, GroundTruth]:
    """Poisson and Gaussian noise."""
    given = add_camera_noise(clean, gain, read, random)
    return given, {"sigma": float(np.sqrt(gain * clean.mean() + read**2))}


def _halve(clean: np.ndarray, random: np.random.Generator, sigma: float) -> tuple[np.ndarray, GroundTruth]:
    """Half the resolution by means of 2 x 2 pixels, then white noise."""
    return _add_white_noise(halve(clean, (0, 1)), random, sigma)


def _blur(clean: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, GroundTruth]:
    """A Gaussian blur of 0.8 to 2.5 px, isotropic for half of the images, then white noise of 1/255 to 5/255."""
    along, across = random.uniform(0.8, 2.5, 2)
    across = along if random.random() < 1 / 2 else across
    angle = random.uniform(0, np.pi)
    sigma = random.uniform(1, 5) / 255
    kx, ky, rho = (float(value) for value in inverse_widths(along, across, angle))
    side = 2 * BLUR_RADIUS + 1
    impulse_response = AnisotropicGaussian(BLUR_RADIUS).kernel_at(
        np.zeros((side, side)), (kx, ky, rho), (BLUR_RADIUS,) * 2
    )
    precision: Any = [[ky**2, rho * kx * ky], [rho * kx * ky, kx**2]]  # (row, column)
    axis = axis_of(clean)
    blurred = gaussian_blur(to_planes(clean, axis), along, across, angle, BLUR_RADIUS)
    given, _ = _add_white_noise(from_planes(blurred, axis, None, clean.dtype), random, sigma)
    width = float(np.sqrt(along * across))
    return given, {"kernel": impulse_response, "blur": np.linalg.inv(precision), "width": width, "sigma": sigma}
