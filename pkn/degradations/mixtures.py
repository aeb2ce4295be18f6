"""Mixtures of an image and something else, most often noise, with weights that depend on the time t.

Times run from t = 0, the image alone, to the terminal time, where nothing of it is left: t = 1 for the times that
networks take as input, the number of steps T for degradations.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Degrade = Callable[[Tensor, Any], Tensor]


class Mixture(NamedTuple):
    """States signal(t) x + noise(t) z of an image x and noise z ~ N(0, I).

    Parameters
    ----------
    signal, noise : callable
        Weight of the image and of the noise at a time, a number or a tensor.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.mixtures import STRAIGHT
    >>> STRAIGHT.state(torch.ones(3), torch.zeros(3), 0.25).tolist()
    [0.75, 0.75, 0.75]
    """

    signal: Callable[[Any], Any]
    noise: Callable[[Any], Any]

    def state(self, x: Tensor, noise: Tensor, t: Any) -> Tensor:
        """The state at time t, a number or a tensor that broadcasts with ``x``."""
        mixed: Tensor = self.signal(t) * x + self.noise(t) * noise
        return mixed


STRAIGHT = Mixture(lambda t: 1 - t, lambda t: t)  # "Generating Cats with KPN Filtering", 2025, whose time is 1 - t


def interpolate(x: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """The state of ``STRAIGHT`` for images (N, C, H, W) at times t (N,), or one t for all: 0 is the image, 1 noise."""
    return STRAIGHT.state(x, noise, t.reshape(-1, 1, 1, 1) if isinstance(t, Tensor) else t)


def cosine_mixture(steps: int, offset: float = 0.008) -> Mixture:
    """The cosine schedule (Nichol & Dhariwal 2021, arXiv 2102.09672).

    Parameters
    ----------
    steps : int
        The terminal time.
    offset : float
        s of the paper's equation 17.

    Returns
    -------
    Mixture
        Of which the squares of the two weights add up to 1.
    """

    def signal(t: Any) -> Tensor:
        part = (torch.as_tensor(t).double() / steps + offset) / (1 + offset)
        weight: Tensor = (part * torch.pi / 2).cos() / math.cos(offset / (1 + offset) * math.pi / 2)
        return weight.clamp(0, 1)

    def in_dtype_of(t: Any, weight: Tensor) -> Tensor:
        return weight.to(t.dtype) if isinstance(t, Tensor) and t.is_floating_point() else weight.float()

    return Mixture(lambda t: in_dtype_of(t, signal(t)), lambda t: in_dtype_of(t, (1 - signal(t) ** 2).sqrt()))
