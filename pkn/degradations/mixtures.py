"""Mixtures of an image and something else, most often noise: how much of either is there at time t.

Times run from 0, the image, to the end, where nothing of it is left: t = 1 for what networks are told, the number of
steps T for degradations.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Degrade = Callable[[Tensor, Any], Tensor]


class Mixture(NamedTuple):
    """States signal(t) x + noise(t) z, with z ~ N(0, I)."""

    signal: Callable[[Any], Any]
    noise: Callable[[Any], Any]

    def state(self, x: Tensor, noise: Tensor, t: Any) -> Tensor:
        """The state at t, a number or one that broadcasts."""
        mixed: Tensor = self.signal(t) * x + self.noise(t) * noise
        return mixed


STRAIGHT = Mixture(lambda t: 1 - t, lambda t: t)  # "Generating Cats with KPN Filtering", 2025, which counts 1 - t


def interpolate(x: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """Z at times t (N,) or one t for all: 0 is the image, 1 noise."""
    return STRAIGHT.state(x, noise, t.reshape(-1, 1, 1, 1) if isinstance(t, Tensor) else t)


def cosine_mixture(steps: int, offset: float = 0.008) -> Mixture:
    """Shares by a cosine over t = 0 ... steps (Nichol & Dhariwal 2021, arXiv 2102.09672), squares summing to 1."""

    def signal(t: Any) -> Tensor:
        part = (torch.as_tensor(t).double() / steps + offset) / (1 + offset)
        share: Tensor = (part * torch.pi / 2).cos() / math.cos(offset / (1 + offset) * math.pi / 2)
        return share.clamp(0, 1)

    def like(t: Any, share: Tensor) -> Tensor:
        return share.to(t.dtype) if isinstance(t, Tensor) and t.is_floating_point() else share.float()

    return Mixture(lambda t: like(t, signal(t)), lambda t: like(t, (1 - signal(t) ** 2).sqrt()))
