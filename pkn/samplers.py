"""Samplers: from a start x, step by step, to an image, by a restorer ``restore(x, t)`` that predicts the clean one.

A step ``step(restore, x, t, s) -> (x at s, predicted image)`` is all that tells samplers apart. States between noise
and image are z = t x + (1 - t) noise, as in "Generating Cats with KPN Filtering" (2025); t runs from 0 to 1.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

Restore = Callable[[Tensor, float], Tensor]
Step = Callable[[Restore, Tensor, float, float], tuple[Tensor, Tensor]]


def trajectory(restore: Restore, step: Step, x: Tensor, times: Sequence[float]) -> Iterator[tuple[Tensor, Tensor]]:
    """``(x, predicted image)`` after each step along ``times``."""
    for t, s in pairwise(times):
        x, x0 = step(restore, x, t, s)
        yield x, x0


def euler(restore: Restore, z: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
    """Z + (x0 - z) / (1 - t) (s - t), as published: the noise that is estimated stays, and its share falls to 1 - s."""
    x0 = restore(z, t)
    return z + (x0 - z) / (1 - t) * (s - t), x0


def heun(restore: Restore, z: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
    """The mean of the slopes at both ends of an Euler step; the last step, where the second slope is 0 / 0, is Euler's.

    Two predictions a step (Karras et al. 2022, arXiv 2206.00364, Algorithm 1, here for straight paths).
    """
    there, x0 = euler(restore, z, t, s)
    if s >= 1:
        return there, x0
    slope, other = (x0 - z) / (1 - t), (restore(there, s) - there) / (1 - s)
    return z + (slope + other) / 2 * (s - t), x0


def ancestral(generator: torch.Generator) -> Step:
    """Euler's step with as much of the noise drawn anew as the way from s back to t would have added.

    The sampler of Ho et al. 2020 (arXiv 2006.11239), here for straight paths: errors of earlier steps fade.
    """

    def step(restore: Restore, z: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(z, t)
        old = (z - t * x0) / (1 - t)
        new = torch.randn(z.shape, generator=generator, dtype=z.dtype).to(z.device)
        kept = t / s * (1 - s) / (1 - t)
        return s * x0 + (1 - s) * (kept * old + (1 - kept**2) ** 0.5 * new), x0

    return step


def make_step(name: str, generator: torch.Generator) -> Step:
    """The step of a solver named ``"euler"``, ``"heun"`` or ``"ancestral"``."""
    steps: dict[str, Any] = {"euler": euler, "heun": heun, "ancestral": ancestral(generator)}
    if name not in steps:
        raise ValueError(f"solver is {name!r}; expected one of {', '.join(steps)}")
    chosen: Step = steps[name]
    return chosen
