"""Sampling from the prior that is implicit in a blind denoiser: Algorithm 1 of Kadkhodaie et al. 2023.

The residual f(y) = y - denoised(y) is -sigma^2 times the gradient of the log density of noisy images (Miyasawa 1961):
steps along -f(y) ascend it, and the length of f(y) estimates the noise that is left (Kadkhodaie & Simoncelli 2021,
arXiv 2007.13640; Kadkhodaie et al. 2023, arXiv 2303.02984).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_whole_number
from pkn.sampling.batching import Callback, silent, standard_normal

Direction = Callable[..., Tensor]  # (y (N, ...), *conditions (N, ...)) -> -f(y)
DIVERGED = 1.5  # times sigma_0 (published)
PATIENCE = 25  # steps


@dataclass(frozen=True)
class ImplicitPriorSettings:
    """Settings of Algorithm 1; the defaults are published.

    Parameters
    ----------
    h0 : float
        The first step size, as a share of the way to the denoised image; above 0, at most 1.
    beta : float
        From 0, where each step adds as much noise as it removes, to 1, where none is added.
    sigma_0 : float
        Standard deviation of the noise at the start, in the units of the images.
    sigma_last : float
        Where to stop, sigma_L: noise over the standard deviation of y, or the noise itself.
    growing : bool
        Whether the step size h_t grows towards 1; else it stays h0.
    relative : bool
        Whether ``sigma_last`` is relative to the standard deviation of y, as in the authors' code; in their paper it
        is not.
    most : int
        Steps after which a chain is given up.
    fallback : float
        Networks may never estimate as little noise as ``sigma_last``. Of a chain that gets no further for 25 steps, or
        is given up, the state with the least noise is kept, if that is at most this, in the units of the images.

    Raises
    ------
    ValueError
        For a setting out of its range.

    Examples
    --------
    >>> settings = ImplicitPriorSettings(h0=0.1)
    >>> [round(settings.step(t), 3) for t in (1, 2, 10, 100)]
    [0.1, 0.182, 0.526, 0.917]
    """

    h0: float = 0.01
    beta: float = 0.1
    sigma_0: float = 1.0
    sigma_last: float = 0.01
    growing: bool = True
    relative: bool = True
    most: int = 20_000
    fallback: float = 0.0

    def __post_init__(self) -> None:
        for name, valid, expected in (
            ("h0", 0 < self.h0 <= 1, "above 0, at most 1"),
            ("beta", 0 <= self.beta <= 1, "0 to 1"),
            ("sigma_0", 0 < self.sigma_0 < float("inf"), "above 0"),
            ("sigma_last", 0 < self.sigma_last < float("inf"), "above 0"),
            ("fallback", 0 <= self.fallback < float("inf"), "0 or more"),
        ):
            if not valid:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected {expected}")
        check_whole_number("most", self.most)

    def step(self, t: int) -> float:
        """The step size h_t, t = 1, 2, ..."""
        return self.h0 * t / (1 + self.h0 * (t - 1)) if self.growing else self.h0

    def injected(self, h_t: float) -> float:
        """Injected noise gamma_t over sigma_t, so that (1 - beta h_t) sigma_t is left after the step."""
        return float(((1 - self.beta * h_t) ** 2 - (1 - h_t) ** 2) ** 0.5)

    def arrived(self, y: Tensor, sigma: Tensor) -> Tensor:
        """Which of the chains y (N, ...) have little enough noise, sigma (N,), to stop."""
        return sigma <= self.sigma_last * (y.flatten(1).std(1) if self.relative else 1)


class ImplicitPriorResult(NamedTuple):
    """Images (N, ...), and for each (N,) the noise before the last denoising, the steps, and whether it converged."""

    images: Tensor
    sigma: Tensor
    steps: Tensor
    converged: Tensor

    def kept(self) -> Tensor:
        """The images, NaN where a chain didn't converge."""
        return self.images.masked_fill(~self.converged.reshape(-1, *(1,) * (self.images.ndim - 1)), torch.nan)

    def checked(self, what: str) -> Tensor:
        """The images, if all chains converged.

        Raises
        ------
        ValueError
            If one didn't; ``what`` is the subject of the message.
        """
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
    callback: Callback = silent,
) -> ImplicitPriorResult:
    """Run Algorithm 1 of Kadkhodaie et al. 2023: ascend the implicit prior from noise to images.

    Parameters
    ----------
    direction : callable
        ``direction(y, *given)`` is -f(y), of the shape of y, for those of the chains that go on.
    y : Tensor of shape (N, ...)
        Noise of the standard deviation ``settings.sigma_0``.
    rngs : sequence of numpy.random.Generator
        One for each chain.
    settings : ImplicitPriorSettings, optional
        The published ones by default.
    given : sequence of Tensors of shape (N, ...)
        Conditions of each chain.
    callback : callable
        ``callback(t, settings.most, {"sigma": sigma_t})`` is called in each step that doesn't end all chains, with the
        noise of the chains that go on.

    Returns
    -------
    ImplicitPriorResult
        Each chain stops by itself, so that it doesn't depend on the others. Its last step goes all the way, y - f(y).

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> rngs = np.random.default_rng(0).spawn(2)
    >>> y = torch.linspace(-1, 1, 32).reshape(2, 1, 4, 4)
    >>> settings = ImplicitPriorSettings(h0=0.1, relative=False)
    >>> result = sample_implicit_prior(lambda y: 0.5 - y, y, rngs, settings)  # of grey images
    >>> result.converged.all().item(), round(float(result.images.mean()), 3), round(float(result.images.std()), 3)
    (True, 0.5, 0.0)
    """
    a = settings or ImplicitPriorSettings()
    result, chains, going = _empty_result(y), torch.arange(len(y)), list(rngs)
    best, least, since = y, torch.full((len(y),), torch.inf), torch.zeros(len(y))
    for t in range(1, a.most + 1):
        d = direction(y, *given)
        sigma_t = d.flatten(1).square().mean(1).sqrt()
        arrived, lost = a.arrived(y, sigma_t), ~(sigma_t <= DIVERGED * a.sigma_0)  # NaN is lost
        if a.fallback:
            better = sigma_t < least
            best, least = torch.where(_broadcast(better, y), y + d, best), torch.minimum(sigma_t, least)
            since = torch.where(better, 0, since + 1)
        settled = ~arrived & (least <= a.fallback) & ((since >= PATIENCE) | lost | (t == a.most))
        images = torch.where(_broadcast(arrived, y), y + d, torch.where(_broadcast(settled, y), best, y))
        _store(result, chains, images, torch.where(settled, least, sigma_t), t, arrived | settled)
        on = ~(arrived | settled | lost)
        if not on.all():
            y, d, sigma_t, chains, best, least, since = (x[on] for x in (y, d, sigma_t, chains, best, least, since))
            given, going = [condition[on] for condition in given], [going[i] for i in on.nonzero()[:, 0].tolist()]
        if not going:
            break
        callback(t, a.most, {"sigma": sigma_t})
        h_t = a.step(t)
        gamma_t = a.injected(h_t) * sigma_t
        y = y + h_t * d + _broadcast(gamma_t, y) * standard_normal(going, y.shape[1:])
    return result


class ChainProgress:
    """Turns the reports of several batches, each of several stages, into one progress.

    A stage of a chain counts from 0, at sigma_0, to 1, at sigma_last, on a logarithmic scale of the noise.

    Parameters
    ----------
    callback : callable
        ``callback(done, total, info)``, with ``total`` = chains times stages; ``info["sigma"]`` is the noise of those
        chains of the reporting batch that go on. Batches in several threads call it from these.
    chains, stages : int
    """

    def __init__(self, callback: Callback, chains: int, stages: int = 1) -> None:
        self.callback, self.total = callback, chains * stages
        self.done: dict[int, float] = {}  # by the first chain of a batch

    def of_batch(self, first: int, chains: int, settings: ImplicitPriorSettings, stage: int = 0) -> Callback:
        """The callback of :func:`sample_implicit_prior` for the batch that begins with the chain ``first``."""
        if self.callback is silent:
            return silent

        def report(t: float, most: float, info: Mapping[str, Any]) -> None:
            left = (info["sigma"] / settings.sigma_last).log() / np.log(settings.sigma_0 / settings.sigma_last)
            self.done[first] = chains * (stage + 1) - float(left.clamp(0, 1).sum())
            self.callback(sum(self.done.values()), self.total, info)

        return report


def _broadcast(values: Tensor, like: Tensor) -> Tensor:
    """Values (N,), reshaped to broadcast with (N, ...)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _empty_result(y: Tensor) -> ImplicitPriorResult:
    n = len(y)
    return ImplicitPriorResult(
        torch.empty_like(y), torch.empty(n), torch.zeros(n, dtype=torch.long), torch.zeros(n).bool()
    )


def _store(result: ImplicitPriorResult, chains: Tensor, *current: Tensor | int) -> None:
    for field, values in zip(result, current, strict=True):
        field[chains] = values
