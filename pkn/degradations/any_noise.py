"""The training task of the default networks: white noise, a sensor's counts and a camera's photographs, in turn."""

from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pkn.degradations.camera_noise import add_camera_noise
from pkn.degradations.camera_pipeline import draw_camera, photograph, resized
from pkn.degradations.measured_noise import measured_curve
from pkn.degradations.operations import add_white_noise, correlate_noise
from pkn.degradations.sample import Sample
from pkn.nets import NoiseCurve

KINDS = ("white", "camera", "counts")
WHITE_SHARE = 0.7  # of the images; of the others two thirds are a camera's
NOISE_FREE = 0.05  # of white noise levels
REGULARIZATION = 1 / 255  # of noise levels, so that no baseline error is 0
ERROR_POWER = 1.4  # a network's squared error for white noise of a noise level sigma is about sigma^1.4
WIDEST_CORRELATION = 1.2  # px
ENLARGED, LARGEST_SCALE = 0.6, 3.0  # share of the photographs of enlarged scenes, and how often at most
# What is told of the noise is wrong by random factors, as estimates are: of all noise levels, and of each by itself.
ERRORS = {"white": (0.03, 0.03), "camera": (0.15, 0.1), "counts": (0.08, 0.05)}


class AnyNoise:
    """White noise, a camera's noise, or counts (few photons in dark fields); the network is told its profile.

    Parameters
    ----------
    largest : float
        Largest level of white noise in image values.
    white_share : float
        Of images with white noise, 0 to 1; of the others two thirds have a camera's noise.

    Raises
    ------
    ValueError
        If ``white_share`` is out of its range.
    """

    checks: ClassVar[dict[str, dict[str, Any]]] = {
        **{f"white {level}": {"kind": "white", "level": level / 255, "scale": 1.0} for level in (15, 25, 50)},
        **{f"camera {gain:g}": {"kind": "camera", "level": gain, "scale": 1.0} for gain in (0.0005, 0.003)},
        "counts of 20": {"kind": "counts", "level": 0.05, "scale": 1.0},
    }

    def __init__(self, largest: float, white_share: float = WHITE_SHARE) -> None:
        if not 0 <= white_share <= 1:
            raise ValueError(f"white_share is {white_share}; expected 0 to 1")
        self.largest = largest
        self.shares = white_share, 2 / 3 * (1 - white_share), (1 - white_share) / 3

    def draw(self, random: np.random.Generator, number: int) -> dict[str, np.ndarray]:
        """Kinds, noise levels or gains (NaN: a camera's own), and factors of the contrast."""
        kind = random.choice(KINDS, number, p=self.shares)
        white = np.maximum(random.uniform(-NOISE_FREE * self.largest, self.largest, number), 0)
        counts = np.exp(random.uniform(np.log(1e-3), np.log(0.3), number))
        level = np.select([kind == "white", kind == "counts"], [white, counts], np.nan)
        return {"kind": kind, "level": level, "scale": np.exp(random.normal(0, 0.25, number))}

    def degrade(self, clean: np.ndarray, random: np.random.Generator, kind: Any, level: Any, scale: Any) -> Sample:
        kinds, levels, scales = (np.broadcast_to(values, len(clean)) for values in (kind, level, scale))
        pairs = [noisy_pair(image, random, k, a) for image, k, a in zip(clean, kinds, levels, strict=True)]
        given, truth = (
            np.stack([np.float32(s) * pair[k] for pair, s in zip(pairs, scales, strict=True)]) for k in (0, 1)
        )
        told = [
            told_wrongly(measured_curve(here, there), random, ERRORS[k])
            for here, there, k in zip(given, truth, kinds, strict=True)
        ]
        return Sample(given, truth, told)

    def baseline_error(self, clean: Tensor, given: Tensor, **settings: Any) -> Tensor:
        noise = (given - clean).square().mean((1, 2, 3)).sqrt()
        return torch.as_tensor((noise + REGULARIZATION) ** ERROR_POWER)


def noisy_pair(
    clean: np.ndarray, random: np.random.Generator, kind: str, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Noisy image (C, H, W) and its truth, of a clean image; ``kind`` and ``level`` as :meth:`AnyNoise.draw` says."""
    return _DEGRADE[kind](clean, random, level)


def _white(clean: np.ndarray, random: np.random.Generator, level: float) -> tuple[np.ndarray, np.ndarray]:
    return add_white_noise(clean, level, random), clean


def _counts(clean: np.ndarray, random: np.random.Generator, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """A field that is mostly dark, in counts of 1 / gain at most, perhaps correlated by the optics' sampling."""
    offset, power = random.uniform(0, 0.3), random.uniform(1, 3)
    field = np.asarray(offset + (1 - offset) * clean**power, np.float32)
    noise = add_camera_noise(field, gain, gain * random.uniform(0, 2), random) - field
    width = max(random.uniform(-WIDEST_CORRELATION, WIDEST_CORRELATION), 0)
    return field + correlate_noise(noise[None], width)[0], field


def _photograph(clean: np.ndarray, random: np.random.Generator, gain: float) -> tuple[np.ndarray, np.ndarray]:
    camera = draw_camera(random, None if np.isnan(gain) else gain)
    scene = np.broadcast_to(clean, (3, *clean.shape[1:])).transpose(1, 2, 0)
    if np.isnan(gain) and random.random() < ENLARGED:
        scene = _enlarged(scene, random.uniform(1, LARGEST_SCALE), random)
    pair = [image.transpose(2, 0, 1) for image in photograph(scene, camera, random)]
    if len(clean) == 1:
        pair = [image.mean(0, keepdims=True) for image in pair]
    noisy, truth = (_filled(image, clean.shape[1:]) for image in pair)
    return noisy, truth


def _enlarged(scene: np.ndarray, scale: float, random: np.random.Generator) -> np.ndarray:
    """A part of the scene, enlarged to the size of the whole: as soft as cameras' images are at full resolution."""
    size = [max(4, round(side / scale)) for side in scene.shape[:2]]
    top, left = (int(random.integers(side - part + 1)) for side, part in zip(scene.shape[:2], size, strict=True))
    part = scene[top : top + size[0], left : left + size[1]]
    return resized(part, scene.shape[:2], Image.Resampling.BICUBIC).clip(0, 1)


def _filled(image: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """The image (C, H, W) mirrored to ``size``, if the camera made it smaller."""
    missing = [(0, side - own) for side, own in zip(size, image.shape[1:], strict=True)]
    return np.pad(image, [(0, 0), *missing], mode="symmetric") if any(map(any, missing)) else image


_DEGRADE = {"white": _white, "camera": _photograph, "counts": _counts}


def told_wrongly(curve: NoiseCurve, random: np.random.Generator, errors: tuple[float, float]) -> NoiseCurve:
    """A curve as an estimate may find it: wrong by random factors, of all noise levels and of each by itself."""
    together, each = errors
    factor = np.exp(together * random.standard_normal() + each * random.standard_normal(curve.sigma.shape[:2]))
    return NoiseCurve(curve.intensity, curve.sigma * factor[..., None])
