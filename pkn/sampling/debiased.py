"""Images from a kernel density estimate, made sharp: both stages of Qin & Huang 2025 (arXiv 2503.20825).

Published: the two stages, alpha of 0.5 and 1.0, and the ranges of noise levels. Our reading: the smoothing that stage 2
undoes, H(x) = E restore(x + b z, b), is stage 1's own (add noise, predict the mean image behind it), estimated by one
draw a step; and a_k = 1 / 2k, a few steps. Noise levels alpha and b are standard deviations of images in [-1, 1].
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import torch
from torch import Tensor

from pkn.degradations.kinds import CameraNoise
from pkn.sampling.batching import batch_generator, in_batches
from pkn.sampling.cold_diffusion import BATCH, ColdModel
from pkn.sampling.samplers import Restore, trajectory
from pkn.sampling.stochastic_approximation import Rate, falling, noisy_smoothing, robbins_monro

LEVELS = (0.8, 1.2)  # published for CIFAR-10; (0.5, 1.0) for churches
STEPS = 4
RATE = falling(0.5)  # with 1 / k the draws' noise, which the first steps add most of, drives CIFAR-10's images apart


def smoother(model: ColdModel) -> Restore:
    """``restore(x, b)``, the mean image behind x with white noise b, by a network trained on all levels up to some.

    Raises
    ------
    ValueError
        If the network was trained on something else, or (when called) not on that level.
    """
    noise = model.degradation
    if not isinstance(noise, CameraNoise) or noise.gain:
        raise ValueError(f"model restores from {noise}; expected CameraNoise with a gain of 0")
    most = 2 * noise.read

    def restore(x: Tensor, b: float) -> Tensor:
        if not 0 < b <= most:
            raise ValueError(f"noise level is {b}; expected one in (0, {most:g}], which the network was trained on")
        return model.restore(x, b / most * noise.steps)

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
    """Stage 1's images of ``seeds`` (N, C, H, W), data that the estimate's kernels stand on; and after each step of 2.

    Raises
    ------
    ValueError
        If ``levels`` aren't two numbers, the lower first, or there is no step.
    """
    if not (len(levels) == 2 and 0 < levels[0] <= levels[1]):
        raise ValueError(f"levels are {levels}; expected two above 0, the lower first")
    if steps < 0:
        raise ValueError(f"steps is {steps}; expected 0 or more")
    smooth = restore(seeds + alpha * torch.randn(seeds.shape, generator=generator), alpha)
    yield smooth
    step, smoothing = robbins_monro(smooth, rate), noisy_smoothing(restore, levels, generator)
    for x, _ in trajectory(smoothing, step, smooth, range(steps + 1)):
        yield x


def debiased_samples(
    model: ColdModel, seeds: Tensor, alpha: float, *, rng: int = 0, threads: int = 1, **options: Any
) -> list[Tensor]:
    """All states of :func:`debiasing_states`, stage 1's first, clipped to [-1, 1]."""
    restore = smoother(model)

    @torch.inference_mode()
    def each(number: int, batch: Tensor) -> list[Tensor]:
        states = debiasing_states(restore, batch, alpha, batch_generator(rng, number), **options)
        return [x.clamp(-1, 1) for x in states]

    found = in_batches(each, threads, count(), torch.split(seeds, BATCH))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]
