"""Degradations of images in [-1, 1], from none at t = 0 to all at t = T (Bansal et al. 2022, arXiv 2208.09392).

A degradation is its schedule. ``degradation.sample(images, generator)`` draws what is random about it for a batch,
once, and gives ``degrade(x, t)``: deterministic, for x (N, C, H, W) of those images' shape, and t one number or one
for each image, (N,), whole or between.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation, at, check, column, positive, whole
from pkn.degradations.blur import Blur
from pkn.degradations.mixtures import Degrade, Mixture, cosine_mixture
from pkn.io.folders import GREY

__all__ = [
    "Animorphosis",
    "Blur",
    "CameraNoise",
    "Degradation",
    "Desaturation",
    "Inpainting",
    "Noise",
    "Snow",
    "SuperResolution",
]


@dataclass(frozen=True)
class Inpainting(Degradation):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check("start", self.start, positive(self.start), "a number above 0")
        check("growth", self.growth, self.growth == 0 or positive(self.growth), "a number of at least 0")

    def terminal_size(self, size: int) -> int | None:
        return 0 if self.coloured else None

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        number, channels, height, width = images.shape
        masks = _masks(self, height, width).to(images)
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
            mask = at(masks, t).expand(number, -1, -1)
            each = torch.arange(number, device=x.device)[:, None, None]
            mask = mask[each, rows[:, :, None], columns[:, None, :]][:, None]
            return x * mask + colours * (1 - mask)

        return degrade


@lru_cache(maxsize=16)
def _masks(inpainting: Inpainting, height: int, width: int) -> Tensor:
    """(T + 1, 2 height, 2 width), around a bump in the middle."""
    r, c = (torch.arange(-side, side, dtype=torch.float64) for side in (height, width))
    squares = r[:, None] ** 2 + c**2
    masks = [torch.ones_like(squares)]
    for step in range(inpainting.steps):
        masks.append(masks[-1] * -torch.expm1(-squares / (2 * (inpainting.start + step * inpainting.growth) ** 2)))
    return torch.stack(masks)


@dataclass(frozen=True)
class SuperResolution(Degradation):
    """Means of squares, twice as wide at each step, in place of their pixels; where those don't fit, nearly squares."""

    steps: int = 3

    def terminal_size(self, size: int) -> int | None:
        return max(1, size >> self.steps)

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        def degrade(x: Tensor, t: Any) -> Tensor:
            levels = [x]
            for step in range(1, self.steps + 1):
                size = max(1, x.shape[2] // 2**step), max(1, x.shape[3] // 2**step)
                levels.append(F.interpolate(F.adaptive_avg_pool2d(x, size), x.shape[2:], mode="nearest"))
            shares = at(torch.eye(self.steps + 1, dtype=x.dtype, device=x.device), t)
            parts = zip(levels, shares.T, strict=True)
            return torch.stack([share[:, None, None, None] * level for level, share in parts]).sum(0)

        return degrade


@dataclass(frozen=True)
class Desaturation(Degradation):
    """Colours fade to grey along a line."""

    steps: int = 20

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        channels = images.shape[1]
        weights = torch.from_numpy(GREY).to(images) if channels == 3 else images.new_full((channels,), 1 / channels)

        def degrade(x: Tensor, t: Any) -> Tensor:
            grey = (x * weights[:, None, None]).sum(1, keepdim=True)
            return torch.lerp(x, grey.expand_as(x), column(t, x) / self.steps)

        return degrade


class _Mixing(Degradation, Protocol):
    """Something else takes the image's place."""

    @property
    def mixture(self) -> Mixture:
        return cosine_mixture(self.steps)

    def terminal_size(self, size: int) -> int | None:
        return 0


@dataclass(frozen=True)
class Noise(_Mixing):
    """Gaussian noise, drawn once for each image, takes the image's place: what is cold about hot diffusion."""

    steps: int = 200

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        return _mixed(self.mixture, torch.randn(images.shape, generator=generator).to(images))


@dataclass(frozen=True)
class Animorphosis(_Mixing):
    """Images of another set, (M, C, H, W) in [-1, 1], drawn at random, take the image's place."""

    steps: int = 200
    others: Tensor | None = field(default=None, repr=False, compare=False)

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        if self.others is None:
            raise ValueError("others is None; expected images of another set to turn into")
        chosen = torch.randint(len(self.others), (len(images),), generator=generator)
        return _mixed(self.mixture, self.others[chosen].to(images))


@dataclass(frozen=True)
class CameraNoise(Degradation):
    """Poisson and Gaussian noise whose gain and read noise (of intensities in [0, 1]) grow along a line."""

    gain: float = 0.05
    read: float = 0.05
    steps: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("gain", self.gain), ("read", self.read)):
            check(name, value, value == 0 or positive(value), "a number of at least 0")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        noise = torch.randn(images.shape, generator=generator).to(images)

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = column(t, x) / self.steps
            variance = part * self.gain * (x / 2 + 0.5).clamp_min(0) + (part * self.read) ** 2
            return x + 2 * variance.sqrt() * noise

        return degrade


@dataclass(frozen=True)
class Snow(Degradation):
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

    def __post_init__(self) -> None:
        super().__post_init__()
        check("taps", self.taps, whole(self.taps) and self.taps % 2 == 1, "an odd whole number")
        check("motion", self.motion, all(map(positive, self.motion)), "two numbers above 0")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        number, _, height, width = images.shape
        small = (number, 1, -(-height * 2 // 5) + 1, -(-width * 2 // 5) + 1)
        base = 0.55 + 0.3 * torch.randn(small, generator=generator).to(images)
        base = F.interpolate(base, scale_factor=2.5, mode="bilinear")[..., :height, :width]
        angles = (torch.rand(number, generator=generator) * 90 - 135).deg2rad().to(images)
        offsets = torch.arange(self.taps, device=images.device) - self.taps // 2

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = column(t, x) / self.steps
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


def _mixed(mixture: Mixture, others: Tensor) -> Degrade:
    def degrade(x: Tensor, t: Any) -> Tensor:
        return mixture.state(x, others, column(t, x))

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
