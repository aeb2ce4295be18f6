"""Inverting a smoothing H: x with H(x) = smoothed, by steps along smoothed - H(x) (Robbins & Monro 1951).

Stage 2 of Qin & Huang 2025 (arXiv 2503.20825). Published are the iteration x + a_k (smoothed - H(x) + noise), its
conditions a_k > 0, sum a_k = infinity, sum a_k^2 < infinity, and that it can be written as a stochastic differential
equation. Our reading is what H is in each case, and the schedule of the steps. Steps are those of
:mod:`pkn.sampling.samplers`, with the iteration k as the time.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pkn.sampling.samplers import Restore, Step

Rate = Callable[[float], float]


def falling(scale: float = 1.0, power: float = 1.0) -> Rate:
    """a_k = scale / k^power, k = 1, 2, ...; powers in (1/2, 1] meet the conditions of Robbins and Monro."""
    return lambda k: scale / k**power


def robbins_monro(given: Tensor, rate: Rate, lowest: float | None = None) -> Step:
    """The step x + a_s (given - H(x)) from iteration k to s = k + 1 (Robbins & Monro 1951).

    Parameters
    ----------
    given : Tensor
        The smoothed image or density, H of what is sought.
    rate : callable
        ``rate(k)`` is a_k.
    lowest : float, optional
        Smaller values are set to it after each step, for example to 0 for densities; such a projection leaves
        convergence as it is.

    Returns
    -------
    Step
        Its ``restore(x, k)`` is H(x), or H(x) plus noise of mean 0.

    Examples
    --------
    >>> import torch
    >>> step = robbins_monro(torch.tensor([0.5]), falling(1.0))
    >>> x = torch.zeros(1)
    >>> for k in range(200):
    ...     x, _ = step(lambda x, k: 0.5 * x, x, k, k + 1)
    >>> round(float(x), 1)  # 0.5 * 1.0 is the 0.5 that was given
    1.0
    """

    def step(restore: Restore, x: Tensor, k: float, s: float) -> tuple[Tensor, Tensor]:
        smoothed = restore(x, k)
        x = x + rate(s) * (given - smoothed)
        return (x if lowest is None else x.clamp_min(lowest)), smoothed

    return step


def euler_maruyama(given: Tensor, deviation: float, noise: Callable[[], Tensor]) -> Step:
    """The Euler-Maruyama step, from time t to s, of dx = (given - H(x)) dt + deviation dW.

    Parameters
    ----------
    given : Tensor
        The smoothed image or density, H of what is sought.
    deviation : float
        Standard deviation of the noise that is added in a unit of time.
    noise : callable
        ``noise()`` draws white noise of the shape of x.

    Examples
    --------
    >>> import torch
    >>> step = euler_maruyama(torch.ones(1), 0.5, lambda: torch.ones(1))
    >>> step(lambda x, t: 0.5 * x, torch.zeros(1), 0.0, 0.25)[0]  # 0.25 * 1 + 0.5 * 0.25^(1/2) * 1
    tensor([0.5000])
    """

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
