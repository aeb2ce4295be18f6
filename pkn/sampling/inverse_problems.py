"""Linear inverse problems by a denoiser's prior: ascent within the images that agree with what was measured.

After Kadkhodaie & Simoncelli 2021 (arXiv 2007.13640): outside of what is measured, steps go along the denoiser's
residual; inside, towards the measurement.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from pkn.sampling.chains import Generators, in_chains, normal
from pkn.sampling.implicit_prior import Direction, ImplicitPriorSettings, sample_implicit_prior

# The stop of the authors' code isn't reached where the image is none of the network's kind: what it takes for noise in
# what was measured stays.
PAPER = ImplicitPriorSettings(relative=False)
INCONSISTENT = 1e-4  # of the norm of what was measured
MIDDLE = 0.5  # of the images' range: where the start is, as far as nothing is measured


class Measurement(Protocol):
    """Linear and without noise: ``measure(embed(y))`` is y, ``embed(measure(x))`` an orthogonal projection of x."""

    def measure(self, x: Tensor) -> Tensor:
        """What is known of images (N, C, H, W)."""

    def pinv(self, y: Tensor) -> Tensor:
        """The smallest images that it is known of: the pseudo-inverse."""


def constrained_samples(
    residual: Callable[[Tensor], Tensor],
    measurement: Measurement,
    measured: Tensor,
    n: int = 1,
    *,
    rng: Any = None,
    threads: int = 1,
    settings: ImplicitPriorSettings = PAPER,
    tell: Any = None,
) -> Tensor:
    """Draw images that agree with a measurement; their mean is nearest in squared error.

    Parameters
    ----------
    residual : callable
        From images (N, C, H, W) in [0, 1] and noise to the noise, not told its level;
        :func:`pkn.wavelets.inference.inference_net` makes one of a network.
    measurement : Measurement
        One of :mod:`pkn.degradations.linear_operators`, for example.
    measured : Tensor
        Of one image (1, C, H, W), as ``measurement.measure`` gives it.
    n : int
        How many.
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on how many are drawn.
    threads : int
        Batches at a time.
    settings : ImplicitPriorSettings
        Of Algorithm 1.
    tell : callable, optional
        Called with t and the noise of the chains that go on.

    Returns
    -------
    Tensor of shape (n, C, H, W), float32
        ``measure`` of each is ``measured``, to rounding.

    Raises
    ------
    ValueError
        If ``measured`` isn't of one image, not finite, or more than 1e-4 of its norm away from what any image measures;
        or if a chain doesn't converge.
    """
    measured = measured.float()
    known = measurement.pinv(measured)
    if len(known) != 1 or not known.isfinite().all():
        raise ValueError(f"measured is of {len(known)} images; expected one, all finite")
    if not (lost := float(consistency(measurement, known, measured))) <= INCONSISTENT:
        raise ValueError(f"no image measures measured, by {lost:.2g} of its norm; expected what measure gives")
    grey = torch.full_like(known, MIDDLE)
    start = grey - _seen(measurement, grey) + known

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        y = start + normal(rngs, known.shape[1:], settings.sigma_0)
        found = sample_implicit_prior(constrained(residual, measurement, known), y, rngs, settings, tell=tell).checked(
            "the ascent"
        )
        return (found - _seen(measurement, found) + known,)

    return in_chains(work, n, rng, threads)[0]


def constrained(residual: Callable[[Tensor], Tensor], measurement: Measurement, known: Tensor) -> Direction:
    """The direction (I - P) (-f(y)) + known - P y, where P projects on what is measured and P x = ``known``."""

    def direction(y: Tensor) -> Tensor:
        d = -residual(y)
        return d - _seen(measurement, d + y) + known

    return direction


def _seen(measurement: Measurement, x: Tensor) -> Tensor:
    return measurement.pinv(measurement.measure(x))


def consistency(measurement: Measurement, images: Tensor, measured: Tensor) -> Tensor:
    """How far what images (N, C, H, W) measure is from ``measured``, as a part of its norm, (N,)."""
    distance = (measurement.measure(images) - measured).flatten(1).square().sum(1)
    return (distance / measured.square().sum().clamp_min(torch.finfo(torch.float32).tiny)).sqrt()
