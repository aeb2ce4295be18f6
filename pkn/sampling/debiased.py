"""Sharp images from a kernel density estimate: both stages of Qin & Huang 2025 (arXiv 2503.20825).

Published are the two stages, the bandwidths alpha of 0.5 and 1.0, and the ranges of noise levels. Our reading: the
smoothing that stage 2 inverts, H(x) = E restore(x + b z, b), is that of stage 1 (add noise, predict the mean image
behind it), estimated by one draw in each step; and a_k = 1 / 2k, for a few steps. The bandwidth alpha and noise levels
b are standard deviations, of images in [-1, 1].
"""

from collections.abc import Iterator
from itertools import count
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
from pkn.sampling.stochastic_approximation import Rate, falling, noisy_smoothing, robbins_monro

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

    Yields
    ------
    Tensor of shape (N, C, H, W)

    Raises
    ------
    ValueError
        If ``levels`` isn't two numbers, the lower first, or ``steps`` isn't a whole number of 0 or more.
    """
    if not (len(levels) == 2 and 0 < levels[0] <= levels[1]):
        raise ValueError(f"levels is {levels}; expected two noise levels above 0, the lower first")
    steps = check_whole_number("steps", steps, 0)
    smooth = restore(kernel_samples(seeds, alpha, torch.randn(seeds.shape, generator=generator)), alpha)
    yield smooth
    step, smoothing = robbins_monro(smooth, rate), noisy_smoothing(restore, levels, generator)
    for x, _ in trajectory(smoothing, step, smooth, range(steps + 1)):
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
        ``levels``, ``steps`` and ``rate`` of :func:`debiasing_states`.

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
