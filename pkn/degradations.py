"""Degradations of images in [-1, 1], from none at t = 0 to all at t = T (Bansal et al. 2022, arXiv 2208.09392).

A degradation is its schedule. ``degradation.drawn(images, generator)`` draws what is random about it for a batch, once,
and gives ``degrade(x, t)``: deterministic, for x (N, C, H, W) of those images' shape, and t one number or one for each
image, (N,), whole or between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from scipy.ndimage import convolve1d
from torch import Tensor
from torch.nn import functional as F

from pkn.image_folders import GREY
from pkn.samplers import Degrade, Mixture


class Degradation(Protocol):
    """What all of them have."""

    @property
    def steps(self) -> int:
        """T."""

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        """``degrade(x, t)`` for a batch like ``images``."""


@dataclass(frozen=True)
class Blur:
    """Gaussian blurs, one after another.

    Parameters
    ----------
    deviations : sequence of float
        Standard deviation in pixels of each step's Gaussian.
    side : int
        Of its window, which is odd.
    border : {"mirror", "wrap", "reflect", "nearest"}
        As in ``scipy.ndimage``; the source's "reflect" is "mirror" here, its "circular" is "wrap".
    to_mean : bool
        Whether the last step leaves each channel's mean alone.
    """

    deviations: tuple[float, ...]
    side: int = 11
    border: str = "mirror"
    to_mean: bool = False

    @property
    def steps(self) -> int:
        return len(self.deviations)

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        rows, columns = (self._operators(size).to(images) for size in images.shape[2:])

        def degrade(x: Tensor, t: Any) -> Tensor:
            return _at(rows, t)[:, None] @ x @ _at(columns, t)[:, None].transpose(2, 3)

        return degrade

    def _operators(self, size: int) -> Tensor:
        return _blur_operators(self, size)


@lru_cache(maxsize=16)
def _blur_operators(blur: Blur, size: int) -> Tensor:
    """What t blurs do to a line of pixels, (T + 1, size, size): all of them at once, not one after another."""
    operators = [np.eye(size)]
    offsets = np.arange(blur.side) - blur.side // 2
    for deviation in blur.deviations:
        window = np.exp(-(offsets**2) / (2 * deviation**2))
        operators.append(convolve1d(operators[-1], window / window.sum(), axis=0, mode=blur.border))
    if blur.to_mean:
        operators[-1] = np.full((size, size), 1 / size)
    return torch.from_numpy(np.stack(operators))


@dataclass(frozen=True)
class Inpainting:
    """A product of masks 1 - G, with Gaussian bumps G of height 1 that grow.

    Parameters
    ----------
    start, growth : float
        Standard deviation in pixels of the first bump, and what each next one's is wider.
    steps : int
    centred : bool
        Whether bumps stand in the middle, or anywhere.
    coloured : bool
        Whether a random constant colour takes the image's place, and not 0.
    """

    start: float = 1.0
    growth: float = 0.1
    steps: int = 50
    centred: bool = False
    coloured: bool = False

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        number, channels, height, width = images.shape
        masks = self._masks(height, width).to(images)
        centres = torch.stack([torch.randint(side, (number,), generator=generator) for side in (height, width)])
        if self.centred:
            centres = torch.tensor([[height // 2], [width // 2]]).expand(2, number)
        colours = 2 * torch.rand(number, channels, 1, 1, generator=generator) - 1
        colours = colours.to(images) * self.coloured
        rows, columns = (
            (side + torch.arange(side) - centre[:, None]).to(images.device)
            for side, centre in zip((height, width), centres, strict=True)
        )

        def degrade(x: Tensor, t: Any) -> Tensor:
            mask = _at(masks, t).expand(number, -1, -1)
            each = torch.arange(number, device=x.device)[:, None, None]
            mask = mask[each, rows[:, :, None], columns[:, None, :]][:, None]
            return x * mask + colours * (1 - mask)

        return degrade

    def _masks(self, height: int, width: int) -> Tensor:
        """(T + 1, 2 height, 2 width), around a bump in the middle."""
        r, c = (torch.arange(-side, side, dtype=torch.float64) for side in (height, width))
        squares = r[:, None] ** 2 + c**2
        masks = [torch.ones_like(squares)]
        for step in range(self.steps):
            masks.append(masks[-1] * -torch.expm1(-squares / (2 * (self.start + step * self.growth) ** 2)))
        return torch.stack(masks)


@dataclass(frozen=True)
class SuperResolution:
    """Means of squares, twice as wide at each step, in place of their pixels."""

    steps: int = 3

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        def degrade(x: Tensor, t: Any) -> Tensor:
            levels = [x]
            for step in range(1, self.steps + 1):
                size = max(1, x.shape[2] // 2**step), max(1, x.shape[3] // 2**step)
                levels.append(F.interpolate(F.adaptive_avg_pool2d(x, size), x.shape[2:], mode="nearest"))
            shares = _at(torch.eye(self.steps + 1, dtype=x.dtype, device=x.device), t)
            return torch.einsum("tnchw,nt->nchw", torch.stack(levels), shares.expand(len(x), -1))

        return degrade


@dataclass(frozen=True)
class Desaturation:
    """Colours fade to grey along a line."""

    steps: int = 20

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        channels = images.shape[1]
        weights = torch.from_numpy(GREY).to(images) if channels == 3 else images.new_full((channels,), 1 / channels)

        def degrade(x: Tensor, t: Any) -> Tensor:
            grey = (x * weights[:, None, None]).sum(1, keepdim=True)
            return torch.lerp(x, grey.expand_as(x), _column(t, x) / self.steps)

        return degrade


def cosine_mixture(steps: int, offset: float = 0.008) -> Mixture:
    """Shares by a cosine over t = 0 ... steps (Nichol & Dhariwal 2021, arXiv 2102.09672), squares summing to 1."""

    def angle(t: Any) -> Tensor:
        part = (torch.as_tensor(t) / steps + offset) / (1 + offset)
        return (part - offset / (1 + offset)) / (1 - offset / (1 + offset)) * torch.pi / 2

    return Mixture(lambda t: angle(t).cos(), lambda t: angle(t).sin())


@dataclass(frozen=True)
class Noise:
    """Gaussian noise, drawn once for each image, takes the image's place: what is cold about hot diffusion."""

    steps: int = 200

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        return _mixed(cosine_mixture(self.steps), torch.randn(images.shape, generator=generator).to(images))


@dataclass(frozen=True)
class Animorphosis:
    """Images of another set, (M, C, H, W) in [-1, 1], drawn at random, take the image's place."""

    others: Tensor = field(repr=False, compare=False)
    steps: int = 200

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        chosen = torch.randint(len(self.others), (len(images),), generator=generator)
        return _mixed(cosine_mixture(self.steps), self.others[chosen].to(images))


@dataclass(frozen=True)
class CameraNoise:
    """Poisson and Gaussian noise whose gain and read noise (of intensities in [0, 1]) grow along a line."""

    gain: float = 0.05
    read: float = 0.05
    steps: int = 50

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        noise = torch.randn(images.shape, generator=generator).to(images)

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = _column(t, x) / self.steps
            variance = part * self.gain * (x / 2 + 0.5).clamp_min(0) + (part * self.read) ** 2
            return x + 2 * variance.sqrt() * noise

        return degrade


@dataclass(frozen=True)
class Snow:
    """Flakes of ImageNet-C (Hendrycks & Dietterich 2019, arXiv 1903.12261), more of them and faster at each step.

    Parameters
    ----------
    threshold : (float, float)
        Of N(0.55, 0.3) noise enlarged 2.5 times, at the first and last step; what is above is snow.
    motion : (float, float)
        Standard deviation in pixels of the blur along the flakes' way.
    brightness : (float, float)
        Share of the image's own colours, against washed-out ones; (1, 1) leaves them.
    """

    steps: int = 200
    threshold: tuple[float, float] = (1.15, 0.7)
    motion: tuple[float, float] = (0.05, 16.0)
    brightness: tuple[float, float] = (1.0, 1.0)
    taps: int = 11

    def drawn(self, images: Tensor, generator: torch.Generator) -> Degrade:
        number, _, height, width = images.shape
        small = (number, 1, -(-height * 2 // 5) + 1, -(-width * 2 // 5) + 1)
        base = 0.55 + 0.3 * torch.randn(small, generator=generator).to(images)
        base = F.interpolate(base, scale_factor=2.5, mode="bilinear")[..., :height, :width]
        angles = (torch.rand(number, generator=generator) * 90 - 135).deg2rad().to(images)
        offsets = torch.arange(self.taps, device=images.device) - self.taps // 2

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = _column(t, x) / self.steps
            flakes = torch.where(base >= self._between(self.threshold, part), base, 0).clamp(0, 1)
            weights = torch.exp(-(offsets**2) / (2 * self._between(self.motion, part).flatten(1) ** 2))
            snow = _moved(flakes, offsets, angles, (weights / weights.sum(1, keepdim=True)).expand(number, -1))
            intensity = x / 2 + 0.5
            grey = intensity.mean(1, keepdim=True) * 1.5 + 0.5
            share = self._between(self.brightness, part)
            snowy = share * intensity + (1 - share) * torch.maximum(intensity, grey) + snow + snow.rot90(2, (2, 3))
            return torch.where(part > 0, 2 * snowy.clamp(0, 1) - 1, x)

        return degrade

    @staticmethod
    def _between(ends: tuple[float, float], part: Tensor) -> Tensor:
        return ends[0] + (ends[1] - ends[0]) * part


Preset = Blur | Inpainting | SuperResolution | Snow | Desaturation | Noise

# Published schedules: degradation, data set. Where the paper and its code differ, "-code" is the code's.
PRESETS: dict[tuple[str, str], Preset] = {
    ("blur", "mnist"): Blur((7.0,) * 40),
    ("blur", "mnist-code"): Blur((7.0,) * 20),
    ("blur", "cifar10"): Blur(tuple(0.01 * t + 0.35 for t in range(50))),
    ("blur", "celeba"): Blur(tuple(0.01 * t for t in range(1, 201)), 15),
    ("blur", "celeba-code"): Blur(tuple(np.exp(0.01 * np.arange(200)).tolist()), 15),
    ("blur", "generation"): Blur(tuple(np.exp(0.01 * np.arange(300)).tolist()), 27, "wrap", to_mean=True),
    ("inpainting", "mnist"): Inpainting(),
    ("inpainting", "cifar10"): Inpainting(),
    ("inpainting", "celeba"): Inpainting(1.0, 0.2, 100, centred=True),
    ("inpainting", "generation"): Inpainting(1.0, 0.05, 750, centred=True, coloured=True),
    ("super-resolution", "mnist"): SuperResolution(3),
    ("super-resolution", "cifar10"): SuperResolution(3),
    ("super-resolution", "celeba"): SuperResolution(6),
    ("super-resolution", "celeba-code"): SuperResolution(4),
    ("snow", "cifar10"): Snow(),
    ("snow", "celeba"): Snow(threshold=(1.15, 0.55), motion=(0.05, 20.0)),
    ("desaturation", "cifar10"): Desaturation(),
    ("desaturation", "celeba"): Desaturation(),
    ("noise", "celeba"): Noise(),
}


def find_preset(degradation: str, data: str) -> Preset:
    """A published schedule.

    Raises
    ------
    ValueError
        If there is none by these names.
    """
    if (degradation, data) not in PRESETS:
        names = ", ".join(" ".join(pair) for pair in PRESETS)
        raise ValueError(f"there is no schedule for {degradation!r} and {data!r}; expected one of {names}")
    return PRESETS[degradation, data]


def _mixed(mixture: Mixture, others: Tensor) -> Degrade:
    def degrade(x: Tensor, t: Any) -> Tensor:
        return mixture.state(x, others, _column(t, x))

    return degrade


def _moved(image: Tensor, offsets: Tensor, angles: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums (weights (N, K)) of an image shifted by offsets (K) pixels along angles (N)."""
    number, _, height, width = image.shape
    grid = F.affine_grid(torch.eye(2, 3).to(image).expand(number, 2, 3), list(image.shape), align_corners=False)
    ways = torch.stack([angles.cos() * 2 / width, angles.sin() * 2 / height], 1)[:, None, None]
    total = torch.zeros_like(image)
    for offset, weight in zip(offsets, weights.T, strict=True):
        shifted = F.grid_sample(image, grid + offset * ways, padding_mode="reflection", align_corners=False)
        total = total + weight[:, None, None, None] * shifted
    return total


def _at(table: Tensor, t: Any) -> Tensor:
    """Rows (1 or N, ...) of a table (T + 1, ...) at t; between two, their mean weighted by how near they are."""
    t = torch.as_tensor(t, dtype=table.dtype, device=table.device).reshape(-1)
    low = t.floor().long().clamp(0, len(table) - 1)
    high = (low + 1).clamp_max(len(table) - 1)
    part: Tensor = (t - low).reshape(-1, *[1] * (table.ndim - 1))
    between: Tensor = torch.lerp(table[low], table[high], part)
    return between


def _column(t: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def times(steps: int, number: int | None = None) -> Sequence[float]:
    """From T down to 0 in so many steps, T by default, as a sampler takes them."""
    return [float(t) for t in np.linspace(steps, 0, (number or steps) + 1)]
