"""Sharp images from a kernel density estimate: both stages of Qin & Huang 2025 (arXiv 2503.20825).

Published are the two stages, the bandwidths alpha of 0.5 and 1.0, and the ranges of noise levels. Our reading: the
smoothing that stage 2 inverts, H(x) = E restore(x + b z, b), is that of stage 1 (add noise, predict the mean image
behind it), estimated by one draw in each step; and a_k = 1 / 2k, for a few steps. The bandwidth alpha and noise levels
b are standard deviations, of images in [-1, 1].
"""

from collections.abc import Iterator
from itertools import accumulate, count
from typing import Any

import torch
from torch import Tensor

from pkn.degradations.kinds import CameraNoise
from pkn.filters.arrays import check_whole_number
from pkn.sampling.batching import batch_generator, in_batches
from pkn.sampling.cold_diffusion import BATCH
from pkn.sampling.cold_model import ColdModel
from pkn.sampling.kernel_density import kernel_samples
from pkn.sampling.samplers import Restore, trajectory
from pkn.sampling.stochastic_approximation import Rate, euler_maruyama, falling, noisy_smoothing, robbins_monro

LEVELS = (0.8, 1.2)  # noise levels; published for CIFAR-10; (0.5, 1.0) for churches
STEPS = 4
RATE = falling(0.5)  # with 1 / k the noise of the draws, most of which the first steps add, makes CIFAR-10 diverge


def smoother(model: ColdModel) -> Restore:
    """The function ``restore(x, b)``: the mean image behind x, which has white noise of level b.

    Raises
    ------
    ValueError
        If the network wasn't trained on white noise, or (when called) not on that noise level.
    """
    noise = model.degradation
    if not isinstance(noise, CameraNoise) or noise.gain:
        raise ValueError(f"model is a restorer from {noise}; expected CameraNoise with a gain of 0")
    largest = 2 * noise.read

    def restore(x: Tensor, b: float) -> Tensor:
        if not 0 < b <= largest:
            raise ValueError(f"noise level is {b}; expected one in (0, {largest:g}], which the network was trained on")
        return model.restore(x, b / largest * noise.steps)

    return restore


def debiasing_states(
    restore: Restore,
    seeds: Tensor,
    alpha: float,
    generator: torch.Generator,
    *,
    levels: tuple[float, float] = LEVELS,
    steps: int = STEPS,
    rate: Rate = RATE,
    sde: float | None = None,
) -> Iterator[Tensor]:
    """The images of stage 1, then those after each step of stage 2.

    Parameters
    ----------
    restore : callable
        What :func:`smoother` returns.
    seeds : Tensor of shape (N, C, H, W)
        Data points, images in [-1, 1]: the centres of the estimate's kernels.
    alpha : float
        Bandwidth.
    generator : torch.Generator
        Draws the noise.
    levels : (float, float)
        Smallest and largest noise level of stage 2.
    steps : int
        Of stage 2.
    rate : callable
        ``rate(k)`` is the step size a_k.
    sde : float, optional
        If given, stage 2 is the stochastic differential equation dx = (x_0 - H(x)) dt + ``sde`` dW instead, with steps
        of a_k in its time (Euler and Maruyama). It doesn't converge: where H shrinks by h, the variance around the
        solution goes to ``sde^2 / 2h``. Our reading of Proposition 2.2.

    Yields
    ------
    Tensor of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If ``levels`` isn't two numbers, the lower first, ``steps`` isn't a whole number of 0 or more, or ``sde`` is
        negative or not finite.
    """
    if not (len(levels) == 2 and 0 < levels[0] <= levels[1]):
        raise ValueError(f"levels is {levels}; expected two noise levels above 0, the lower first")
    if sde is not None and not 0 <= sde < float("inf"):
        raise ValueError(f"sde is {sde}; expected a standard deviation, 0 or more")
    steps = check_whole_number("steps", steps, 0)
    smooth = restore(kernel_samples(seeds, alpha, torch.randn(seeds.shape, generator=generator)), alpha)
    yield smooth
    smoothing, step = noisy_smoothing(restore, levels, generator), robbins_monro(smooth, rate)
    times: list[float] = [*range(steps + 1)]
    if sde is not None:
        step = euler_maruyama(smooth, sde, lambda: torch.randn(smooth.shape, generator=generator).to(smooth))
        times = [*accumulate((rate(k) for k in times[1:]), initial=0.0)]
    for x, _ in trajectory(smoothing, step, smooth, times):
        yield x


def debiased_samples(
    model: ColdModel, seeds: Tensor, alpha: float, *, rng: int = 0, threads: int = 1, **options: Any
) -> list[Tensor]:
    """All states of :func:`debiasing_states`, beginning with stage 1, clipped to [-1, 1].

    Parameters
    ----------
    model : ColdModel
        A restorer from white noise.
    seeds, alpha
        As in :func:`debiasing_states`.
    rng : int
        Seed.
    threads : int
        Batches at a time.
    **options
        ``levels``, ``steps``, ``rate`` and ``sde`` of :func:`debiasing_states`.

    Returns
    -------
    list of ``steps + 1`` Tensors of shape (N, C, H, W)
    """
    restore = smoother(model)

    @torch.inference_mode()
    def process(number: int, batch: Tensor) -> list[Tensor]:
        states = debiasing_states(restore, batch, alpha, batch_generator(rng, number), **options)
        return [x.clamp(-1, 1) for x in states]

    batches = in_batches(process, threads, count(), torch.split(seeds, BATCH))
    return [torch.cat(states) for states in zip(*batches, strict=True)]
