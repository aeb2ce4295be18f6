"""Degradations of images in [-1, 1], from none at t = 0 to all of it at t = T (Bansal et al. 2022, arXiv 2208.09392).

A degradation holds the parameters of its schedule. ``degradation.sample(images, generator)`` draws what is random about
it, once for each image of a batch, and returns ``degrade(x, t)``: deterministic, for images x (N, C, H, W) of the same
shape, and times t, a number or a tensor (N,), whole or not.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pkn.degradations.base import Degradation, check, is_positive, to_column, to_grey
from pkn.degradations.blur import Blur
from pkn.degradations.inpainting import Inpainting
from pkn.degradations.mixing import Animorphosis, Noise
from pkn.degradations.mixtures import Degrade
from pkn.degradations.snow import Snow
from pkn.degradations.super_resolution import SuperResolution

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
class Desaturation(Degradation):
    """Linear interpolation between an image and its grey version.

    Parameters
    ----------
    steps : int
        T.
    grey : {"luma", "mean"}
        What grey is for RGB: luma (ITU-R BT.601), or the mean of the channels, as in the code of Bansal et al.

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1, or there is no such grey.

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
    grey: str = "luma"

    def __post_init__(self) -> None:
        super().__post_init__()
        check("grey", self.grey, self.grey in ("luma", "mean"), "luma or mean")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        def degrade(x: Tensor, t: Any) -> Tensor:
            return torch.lerp(x, to_grey(x, self.grey == "luma").expand_as(x), to_column(t, x) / self.steps)

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
