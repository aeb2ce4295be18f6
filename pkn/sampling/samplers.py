"""Samplers: from a start x, step by step, to an image, by a restorer ``restore(x, t)`` that predicts the clean one.

A step ``step(restore, x, t, s) -> (x at s, predicted image)`` is all that tells samplers apart. Times fall to 0, the
clean image, from where nothing is left of it: 1 for networks, the number of steps T for degradations. Steps that take
``degrade(x0, t)`` are for any degradation (Bansal et al. 2022, arXiv 2208.09392), the others for a mixture with noise.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from torch import Tensor

from pkn.degradations.mixtures import STRAIGHT, Degrade, Mixture

Restore = Callable[[Tensor, float], Tensor]
Step = Callable[[Restore, Tensor, float, float], tuple[Tensor, Tensor]]


def trajectory(restore: Restore, step: Step, x: Tensor, times: Sequence[float]) -> Iterator[tuple[Tensor, Tensor]]:
    """``(x, predicted image)`` after each step along ``times``."""
    for t, s in pairwise(times):
        x, x0 = step(restore, x, t, s)
        yield x, x0


def algorithm_1(degrade: Degrade) -> Step:
    """D(x0, s): Algorithm 1 of Bansal et al. The restorer's errors are degraded, never mended."""

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        return degrade(x0, s), x0

    return step


def algorithm_2(degrade: Degrade) -> Step:
    """X - D(x0, t) + D(x0, s): Algorithm 2 of Bansal et al.

    Where D is linear in t, D(x, t) = x + t e, the result doesn't depend on the restorer at all.
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        return x - degrade(x0, t) + degrade(x0, s), x0

    return step


def deterministic(mixture: Mixture) -> Step:
    """The noise that is estimated stays, in the share that is left at s (DDIM: Song et al. 2020, arXiv 2010.02502).

    It is Algorithm 2 with that noise, and on ``STRAIGHT`` Euler's step as published: z + (x0 - z) (t - s) / t.
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        noise = (x - mixture.signal(t) * x0) / mixture.noise(t)
        return mixture.state(x0, noise, s), x0

    return step


def ancestral(mixture: Mixture, noise: Callable[[], Tensor]) -> Step:
    """As much of the noise is drawn anew as the way from s back to t adds (DDPM: Ho et al. 2020, arXiv 2006.11239).

    ``noise()`` draws it, of the state's shape.
    """

    def step(restore: Restore, x: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
        x0 = restore(x, t)
        old = (x - mixture.signal(t) * x0) / mixture.noise(t)
        kept = mixture.signal(t) / mixture.signal(s) * mixture.noise(s) / mixture.noise(t)
        return mixture.state(x0, kept * old + (1 - kept**2) ** 0.5 * noise(), s), x0

    return step


def heun(restore: Restore, z: Tensor, t: float, s: float) -> tuple[Tensor, Tensor]:
    """On ``STRAIGHT``, the mean of the slopes at both ends; the last step, where the second is 0 / 0, is Euler's.

    Two predictions a step (Karras et al. 2022, arXiv 2206.00364, Algorithm 1, here for straight paths).
    """
    there, x0 = deterministic(STRAIGHT)(restore, z, t, s)
    if s <= 0:
        return there, x0
    slope, other = (x0 - z) / t, (restore(there, s) - there) / s
    return z + (slope + other) / 2 * (t - s), x0


def make_step(name: str, noise: Callable[[], Tensor]) -> Step:
    """The step of a solver named ``"euler"``, ``"heun"`` or ``"ancestral"`` on ``STRAIGHT``."""
    steps: dict[str, Step] = {
        "euler": deterministic(STRAIGHT),
        "heun": heun,
        "ancestral": ancestral(STRAIGHT, noise),
    }
    if name not in steps:
        raise ValueError(f"solver is {name!r}; expected one of {', '.join(steps)}")
    return steps[name]
