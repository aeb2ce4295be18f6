"""Degradations of images in [-1, 1], from none at t = 0 to all of it at t = T (Bansal et al. 2022, arXiv 2208.09392).

A degradation holds the parameters of its schedule. ``degradation.sample(images, generator)`` draws what is random about
it, once for each image of a batch, and returns ``degrade(x, t)``: deterministic, for images x (N, C, H, W) of the same
shape, and times t, a number or a tensor (N,), whole or not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation, check, interpolate_rows, is_positive, to_column
from pkn.degradations.blur import Blur
from pkn.degradations.mixing import Animorphosis, Noise
from pkn.degradations.mixtures import Degrade
from pkn.degradations.snow import Snow
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
    """Multiplication by masks 1 - G, one after another, with Gaussians G of height 1 that grow wider.

    Parameters
    ----------
    start : float
        Standard deviation in pixels of the first Gaussian, above 0.
    growth : float
        By how many pixels the standard deviation grows with each step, at least 0.
    steps : int
        T.
    centred : bool
        Whether the Gaussians are in the centre of the image, or at a random position.
    coloured : bool
        Whether the image is replaced by a random constant colour, or by 0.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Inpainting
    >>> images = torch.ones(1, 1, 16, 16)
    >>> degrade = Inpainting(start=1.0, growth=0.5, steps=8, centred=True).sample(images, torch.Generator())
    >>> [round(float(degrade(images, t).mean()), 2) for t in (0, 4, 8)]
    [1.0, 0.8, 0.34]
    """

    start: float = 1.0
    growth: float = 0.1
    steps: int = 50
    centred: bool = False
    coloured: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check("start", self.start, is_positive(self.start), "a number above 0")
        check("growth", self.growth, self.growth == 0 or is_positive(self.growth), "a number of at least 0")

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
            mask = interpolate_rows(masks, t).expand(number, -1, -1)
            index = torch.arange(number, device=x.device)[:, None, None]
            mask = mask[index, rows[:, :, None], columns[:, None, :]][:, None]
            return x * mask + colours * (1 - mask)

        return degrade


@lru_cache(maxsize=16)
def _masks(inpainting: Inpainting, height: int, width: int) -> Tensor:
    """Masks (T + 1, 2 height, 2 width) of Gaussians in the centre, to be cut out around any position."""
    r, c = (torch.arange(-side, side, dtype=torch.float64) for side in (height, width))
    squares = r[:, None] ** 2 + c**2
    masks = [torch.ones_like(squares)]
    for step in range(inpainting.steps):
        masks.append(masks[-1] * -torch.expm1(-squares / (2 * (inpainting.start + step * inpainting.growth) ** 2)))
    return torch.stack(masks)


@dataclass(frozen=True)
class SuperResolution(Degradation):
    """Replacement of pixels by the mean of a square around them, whose side doubles with each step.

    Where squares don't fit into the image, they are rectangles that are nearly square.

    Parameters
    ----------
    steps : int
        T; the squares' last side is 2^T pixels.

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import SuperResolution
    >>> ramp = torch.linspace(-0.75, 0.75, 4).expand(1, 1, 4, 4)
    >>> degrade = SuperResolution(steps=2).sample(ramp, torch.Generator())
    >>> degrade(ramp, 1)[0, 0, 0].tolist(), degrade(ramp, 2)[0, 0, 0].tolist()
    ([-0.5, -0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0])
    """

    steps: int = 3

    def terminal_size(self, size: int) -> int | None:
        return max(1, size >> self.steps)

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        def degrade(x: Tensor, t: Any) -> Tensor:
            resolutions = [x]
            for step in range(1, self.steps + 1):
                size = max(1, x.shape[2] // 2**step), max(1, x.shape[3] // 2**step)
                means = F.adaptive_avg_pool2d(x, size)
                resolutions.append(F.interpolate(means, x.shape[2:], mode="nearest"))
            weights = interpolate_rows(torch.eye(self.steps + 1, dtype=x.dtype, device=x.device), t)
            pairs = zip(resolutions, weights.T, strict=True)
            return torch.stack([weight[:, None, None, None] * image for image, weight in pairs]).sum(0)

        return degrade


@dataclass(frozen=True)
class Desaturation(Degradation):
    """Linear interpolation between an image and its grey version (ITU-R BT.601 luma for RGB).

    Parameters
    ----------
    steps : int
        T.

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Desaturation
    >>> red = torch.tensor([1.0, -1.0, -1.0]).reshape(1, 3, 1, 1)
    >>> degrade = Desaturation(steps=4).sample(red, torch.Generator())
    >>> [[round(value, 3) for value in degrade(red, t).flatten().tolist()] for t in (2, 4)]
    [[0.299, -0.701, -0.701], [-0.402, -0.402, -0.402]]
    """

    steps: int = 20

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        channels = images.shape[1]
        weights = torch.from_numpy(GREY).to(images) if channels == 3 else images.new_full((channels,), 1 / channels)

        def degrade(x: Tensor, t: Any) -> Tensor:
            grey = (x * weights[:, None, None]).sum(1, keepdim=True)
            return torch.lerp(x, grey.expand_as(x), to_column(t, x) / self.steps)

        return degrade


@dataclass(frozen=True)
class CameraNoise(Degradation):
    """Noise of a camera, whose gain and read noise grow linearly with t; Gaussian, with the variance of Poisson noise.

    Parameters
    ----------
    gain : float
        Variance per intensity at t = T, for intensities in [0, 1]; at least 0.
    read : float
        Standard deviation in the dark at t = T, for intensities in [0, 1]; at least 0.
    steps : int
        T.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import CameraNoise
    >>> images = torch.zeros(1, 1, 200, 200)  # intensity 0.5
    >>> degrade = CameraNoise(gain=0.04, read=0.0, steps=10).sample(images, torch.Generator().manual_seed(0))
    >>> [round(float((degrade(images, t) / 2).var()), 3) for t in (0, 5, 10)]
    [0.0, 0.01, 0.02]
    """

    gain: float = 0.05
    read: float = 0.05
    steps: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("gain", self.gain), ("read", self.read)):
            check(name, value, value == 0 or is_positive(value), "a number of at least 0")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        noise = torch.randn(images.shape, generator=generator).to(images)

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = to_column(t, x) / self.steps
            variance = part * self.gain * (x / 2 + 0.5).clamp_min(0) + (part * self.read) ** 2
            return x + 2 * variance.sqrt() * noise

        return degrade
