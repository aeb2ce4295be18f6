"""Algorithm 1 of Kadkhodaie et al. 2023 (arXiv 2303.02984): from noise to an image by the residual of a blind denoiser.

The residual f(y) = y - denoised(y) is -sigma^2 times the gradient of noisy images' log density (Miyasawa 1961): steps
along -f(y) climb it, and their length tells the noise that is left (Kadkhodaie & Simoncelli 2021, arXiv 2007.13640).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.sampling.chains import normal

Direction = Callable[..., Tensor]  # from y (N, ...) and what is given to each chain to -f(y)
Tell = Callable[[int, Tensor], None]  # t, and sigma_t of the chains that still go on
DIVERGED = 1.5  # times sigma_0 (published)


@dataclass(frozen=True)
class ImplicitPriorSettings:
    """Settings, by default the published ones.

    Parameters
    ----------
    h0 : float
        The first step, a part of the way to the denoised image, above 0, at most 1.
    beta : float
        From 0, where each step adds as much noise as it takes away, to 1, where none is added.
    sigma_0 : float
        Standard deviation of the noise at the start, in the images' units.
    sigma_last : float
        Where to stop, sigma_L: noise over the standard deviation of y, or noise itself.
    growing : bool
        Whether h_t grows towards 1; else it stays h0.
    relative : bool
        The stop of the authors' code, a signal-to-noise ratio; False is their paper's.
    most : int
        Steps after which a chain is given up.

    Raises
    ------
    ValueError
        For a setting out of its range.
    """

    h0: float = 0.01
    beta: float = 0.1
    sigma_0: float = 1.0
    sigma_last: float = 0.01
    growing: bool = True
    relative: bool = True
    most: int = 20_000

    def __post_init__(self) -> None:
        for name, fine, expected in (
            ("h0", 0 < self.h0 <= 1, "above 0, at most 1"),
            ("beta", 0 <= self.beta <= 1, "0 to 1"),
            ("sigma_0", 0 < self.sigma_0 < float("inf"), "above 0"),
            ("sigma_last", 0 < self.sigma_last < float("inf"), "above 0"),
            ("most", isinstance(self.most, int) and self.most >= 1, "a whole number, 1 or more"),
        ):
            if not fine:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {expected}")

    def step(self, t: int) -> float:
        """h_t, t = 1, 2, ..."""
        return self.h0 * t / (1 + self.h0 * (t - 1)) if self.growing else self.h0

    def injected(self, h_t: float) -> float:
        """gamma_t over sigma_t: what noise is left after a step is 1 - beta h_t of it."""
        return float(((1 - self.beta * h_t) ** 2 - (1 - h_t) ** 2) ** 0.5)

    def arrived(self, y: Tensor, sigma: Tensor) -> Tensor:
        """Which of the chains y (N, ...) may stop."""
        return sigma <= self.sigma_last * (y.flatten(1).std(1) if self.relative else 1)


class ImplicitPriorResult(NamedTuple):
    """Images (N, ...) and, (N,), the noise that was left before the last denoising, steps, and whether it converged."""

    images: Tensor
    sigma: Tensor
    steps: Tensor
    converged: Tensor

    def kept(self) -> Tensor:
        """The images, NaN where a chain didn't converge."""
        return self.images.masked_fill(~self.converged.reshape(-1, *(1,) * (self.images.ndim - 1)), torch.nan)

    def checked(self, what: str) -> Tensor:
        """The images, of ``what``; ValueError if one didn't converge."""
        if self.converged.all():
            return self.images
        bad = int((~self.converged).nonzero()[0, 0])
        raise ValueError(
            f"{what} doesn't converge in {int((~self.converged).sum())} of {len(self.images)} chains: noise of "
            f"{float(self.sigma[bad]):.3g} is left after {int(self.steps[bad])} steps; expected another denoiser"
        )


def sample_implicit_prior(
    direction: Direction,
    y: Tensor,
    rngs: Sequence[np.random.Generator],
    settings: ImplicitPriorSettings | None = None,
    given: Sequence[Tensor] = (),
    tell: Tell | None = None,
) -> ImplicitPriorResult:
    """Climb from noise y (N, ...) by ``direction(y, *given)``; each chain stops, and leaves the batch, by itself.

    The last step goes all the way, y - f(y).
    """
    a = settings or ImplicitPriorSettings()
    found, chains, going = _nothing(y), torch.arange(len(y)), list(rngs)
    for t in range(1, a.most + 1):
        d = direction(y, *given)
        sigma_t = d.flatten(1).square().mean(1).sqrt()
        arrived = a.arrived(y, sigma_t)
        _note(found, chains, torch.where(_each(arrived, y), y + d, y), sigma_t, t, arrived)
        on = ~arrived & (sigma_t <= DIVERGED * a.sigma_0)
        if not on.all():
            y, d, sigma_t, chains = y[on], d[on], sigma_t[on], chains[on]
            given, going = [part[on] for part in given], [going[i] for i in on.nonzero()[:, 0].tolist()]
        if not going:
            break
        if tell is not None:
            tell(t, sigma_t)
        h_t = a.step(t)
        gamma_t = a.injected(h_t) * sigma_t
        y = y + h_t * d + _each(gamma_t, y) * normal(going, y.shape[1:])
    return found


def _each(values: Tensor, like: Tensor) -> Tensor:
    """Values (N,) that broadcast with (N, ...)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _nothing(y: Tensor) -> ImplicitPriorResult:
    n = len(y)
    return ImplicitPriorResult(
        torch.empty_like(y), torch.empty(n), torch.zeros(n, dtype=torch.long), torch.zeros(n).bool()
    )


def _note(found: ImplicitPriorResult, chains: Tensor, *now: Tensor | int) -> None:
    for part, values in zip(found, now, strict=True):
        part[chains] = values
