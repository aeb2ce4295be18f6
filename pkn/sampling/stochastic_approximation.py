"""Undoing a smoothing H: x with H(x) = given, by steps along given - H(x) (Robbins & Monro 1951).

Stage 2 of Qin & Huang 2025 (arXiv 2503.20825). Published: the iteration x + a_k (given - H(x) + noise), its conditions
a_k > 0, sum a_k = infinity, sum a_k^2 < infinity, and that it can be written as a stochastic differential equation.
Our reading: what H is in each case, and the steps' schedule. Steps are those of ``samplers``; times are k.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pkn.sampling.samplers import Restore, Step

Rate = Callable[[float], float]


def falling(scale: float = 1.0, power: float = 1.0) -> Rate:
    """a_k = scale / k^power, k = 1, 2, ...; powers in (1/2, 1] meet the conditions."""
    return lambda k: scale / k**power


def robbins_monro(given: Tensor, rate: Rate, lowest: float | None = None) -> Step:
    """From k to s = k + 1: x + a_s (given - H(x)), where ``restore(x, k)`` is H(x), or H(x) and noise of mean 0.

    What falls under ``lowest`` is set to it, as densities want: a projection doesn't touch convergence.
    """

    def step(restore: Restore, x: Tensor, k: float, s: float) -> tuple[Tensor, Tensor]:
        smoothed = restore(x, k)
        there = x + rate(s) * (given - smoothed)
        return (there if lowest is None else there.clamp_min(lowest)), smoothed

    return step


def euler_maruyama(given: Tensor, deviation: float, noise: Callable[[], Tensor]) -> Step:
    """From time t to s of dx = (given - H(x)) dt + deviation dW."""

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        smoothed = restore(x, t)
        return x + (s - t) * (given - smoothed) + deviation * (s - t) ** 0.5 * noise(), smoothed

    return step


def noisy_smoothing(restore: Restore, levels: tuple[float, float], generator: torch.Generator) -> Restore:
    """H(x) = E restore(x + b z, b), estimated by one draw: z ~ N(0, I), b uniform between two noise levels."""
    low, high = levels

    def smoothed(x: Tensor, k: float) -> Tensor:
        b = low + (high - low) * float(torch.rand((), generator=generator))
        return restore(x + b * torch.randn(x.shape, generator=generator).to(x), b)

    return smoothed
