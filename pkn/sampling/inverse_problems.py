"""Linear inverse problems with the implicit prior of a denoiser: samples among the images that agree with measurements.

After Kadkhodaie & Simoncelli 2021 (arXiv 2007.13640): in the measured subspace steps go towards the measurement, in its
orthogonal complement along the residual of the denoiser.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from pkn.sampling.batching import Callback, Generators, run_chains, silent, standard_normal
from pkn.sampling.implicit_prior import ChainProgress, Direction, ImplicitPriorSettings, sample_implicit_prior

# The stop of the authors' code, relative to the deviation of y, isn't reached for images unlike the network's training
# images: what the network takes for noise in the measured part of them stays.
PAPER = ImplicitPriorSettings(relative=False)
INCONSISTENT = 1e-4  # of the norm of the measurement
MIDDLE = 0.5  # of the range of images: the mean of the start, where nothing is measured


class Measurement(Protocol):
    """A linear measurement without noise: ``measure(pinv(y))`` is y, ``pinv(measure(x))`` an orthogonal projection."""

    def measure(self, x: Tensor) -> Tensor:
        """The measurement of images (N, C, H, W)."""

    def pinv(self, y: Tensor) -> Tensor:
        """The pseudo-inverse: the images (N, C, H, W) of least norm that have the measurement y."""


def constrained_samples(
    residual: Callable[[Tensor], Tensor],
    measurement: Measurement,
    measured: Tensor,
    n: int = 1,
    *,
    rng: Any = None,
    threads: int = 1,
    settings: ImplicitPriorSettings = PAPER,
    callback: Callback = silent,
) -> Tensor:
    """Draw images that agree with a measurement (Kadkhodaie & Simoncelli 2021, arXiv 2007.13640).

    The mean of the images has the least squared error.

    Parameters
    ----------
    residual : callable
        From noisy images (N, C, H, W), clean ones in [0, 1], to their noise, whose level is unknown;
        :func:`pkn.wavelets.inference.inference_net` makes one of a network.
    measurement : Measurement
        One of :mod:`pkn.degradations.linear_operators`, for example.
    measured : Tensor
        Of one image (1, C, H, W), as ``measurement.measure`` returns it.
    n : int
        Number of images.
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on ``n``.
    threads : int
        Batches at a time.
    settings : ImplicitPriorSettings
        Of Algorithm 1.
    callback : callable
        ``callback(done, n, {"sigma": noise})`` reports the chains that are done, fractions of them included, and the
        noise that is left.

    Returns
    -------
    Tensor of shape (n, C, H, W), float32
        ``measure`` of each is ``measured``, to rounding.

    Raises
    ------
    ValueError
        If ``measured`` isn't of one image, not finite, or more than 1e-4 of its norm away from what any image measures;
        or if a chain doesn't converge.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.linear_operators import BlockMeans
    >>> measured = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    >>> samples = constrained_samples(lambda y: y - 0.5, BlockMeans(4), measured, 3, rng=0)
    >>> samples.shape
    torch.Size([3, 1, 16, 16])
    >>> bool((BlockMeans(4).measure(samples) - measured).abs().max() < 1e-5)
    True
    """
    measured = measured.float()
    known = measurement.pinv(measured)
    if len(known) != 1 or not known.isfinite().all():
        raise ValueError(f"measured is of {len(known)} images; expected one, all finite")
    if not (lost := float(consistency(measurement, known, measured))) <= INCONSISTENT:
        raise ValueError(
            f"measured is {lost:.2g} of its norm away from the measurement of any image; expected at most "
            f"{INCONSISTENT:g}"
        )
    grey = torch.full_like(known, MIDDLE)
    start = grey - _project(measurement, grey) + known
    progress = ChainProgress(callback, n)

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        y = start + settings.sigma_0 * standard_normal(rngs, known.shape[1:])
        report = progress.of_batch(first, len(rngs), settings)
        direction = constrained(residual, measurement, known)
        images = sample_implicit_prior(direction, y, rngs, settings, callback=report).checked("implicit prior sampling")
        return (images - _project(measurement, images) + known,)

    return run_chains(work, n, rng, threads)[0]


def constrained(residual: Callable[[Tensor], Tensor], measurement: Measurement, known: Tensor) -> Direction:
    """The direction (I - P) (-f(y)) + known - P y, where P projects on what is measured and P x = ``known``."""

    def direction(y: Tensor) -> Tensor:
        d = -residual(y)
        return d - _project(measurement, d + y) + known

    return direction


def _project(measurement: Measurement, x: Tensor) -> Tensor:
    return measurement.pinv(measurement.measure(x))


def consistency(measurement: Measurement, images: Tensor, measured: Tensor) -> Tensor:
    """Distance of the measurements of images (N, C, H, W) to ``measured``, as a share of its norm, (N,)."""
    distance = (measurement.measure(images) - measured).flatten(1).square().sum(1)
    return (distance / measured.square().sum().clamp_min(torch.finfo(torch.float32).tiny)).sqrt()
