"""Cold Diffusion (Bansal et al. 2022, arXiv 2208.09392): restoring from any degradation, and generating by it.

The parts are a degradation D(x, t), a restorer that predicts x from D(x, t), and the step of a sampler between them
(:mod:`pkn.sampling.samplers`). Denoising diffusion differs by its degradation alone, which is noise.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pkn.degradations.base import times
from pkn.degradations.mixtures import Degrade
from pkn.filters.arrays import check_whole_number
from pkn.sampling.batching import batch_generator, in_batches
from pkn.sampling.cold_model import ColdModel
from pkn.sampling.samplers import Step, algorithm_1, algorithm_2, deterministic, trajectory

BATCH = 125  # images at once
SYMMETRY_BREAKING = 0.002  # standard deviation of the noise that is added to a start of equal pixels (published)
ALGORITHMS = ("algorithm_2", "algorithm_1", "estimated")


class ColdState(NamedTuple):
    """After a step: the time, the state x, and the predicted image; both (N, C, H, W), images in [-1, 1]."""

    t: float
    x: Tensor
    predicted: Tensor


def states(
    model: ColdModel, x: Tensor, degrade: Degrade, *, algorithm: str = "algorithm_2", steps: int | None = None
) -> Iterator[ColdState]:
    """Restore ``x`` from T to t = 0, step by step, in float64, because small differences add up.

    Parameters
    ----------
    model : ColdModel
    x : Tensor of shape (N, C, H, W)
        The images at T.
    degrade : callable
        ``degrade(x0, t)`` is D(x0, t), with the random numbers that ``x`` was degraded by.
    algorithm : {"algorithm_2", "algorithm_1", "estimated"}
        Algorithm 2 of Bansal et al. 2022; Algorithm 1; and, for noise and animorphosis, Algorithm 2 with the noise (or
        the other image) that is estimated in each step, which is DDIM.
    steps : int, optional
        T by default. With "algorithm_1", 1 is direct restoration.

    Yields
    ------
    ColdState

    Raises
    ------
    ValueError
        For an unknown algorithm, or ``steps`` that isn't a whole number of 1 or more.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Desaturation
    >>> image = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    >>> model = ColdModel(lambda x, t: image, Desaturation(2))
    >>> degrade = model.degradation.sample(image, torch.Generator())
    >>> for state in states(model, degrade(image, 2), degrade):
    ...     print(state.t, round(float((state.x - image).abs().max()), 2))
    1.0 0.23
    0.0 0.0
    """
    step = _make_step(algorithm, degrade, model.degradation)
    steps = None if steps is None else check_whole_number("steps", steps)
    if steps is not None and model.regularization is not None and steps > model.degradation.steps:
        raise ValueError(
            f"steps is {steps}; expected at most {model.degradation.steps}, because blur is inverted at whole times"
        )
    path = times(model.degradation.steps, steps)
    for t, (x_t, predicted) in zip(path[1:], trajectory(model.restore, step, x.double(), path), strict=True):
        yield ColdState(t, x_t, predicted)


def _make_step(algorithm: str, degrade: Degrade, degradation: Any) -> Step:
    if algorithm == "estimated":
        mixture = getattr(degradation, "mixture", None)
        if mixture is None:
            raise ValueError(
                f"algorithm is 'estimated'; expected algorithm_2 or algorithm_1 for {type(degradation).__name__}"
            )
        return deterministic(mixture)
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm is {algorithm!r}; expected one of {', '.join(ALGORITHMS)}")
    return (algorithm_2 if algorithm == "algorithm_2" else algorithm_1)(degrade)


def restorations(
    model: ColdModel,
    clean: Tensor,
    ways: Sequence[tuple[str, int | None] | tuple[str, int]],
    *,
    rng: int = 0,
    threads: int = 1,
    eight_bits: bool = False,
) -> list[Tensor]:
    """Degrade images to T and restore them.

    Parameters
    ----------
    model : ColdModel
    clean : Tensor of shape (N, C, H, W)
        Images in [-1, 1].
    ways : sequence of (algorithm, steps)
        How to restore them, as in :func:`states`.
    rng : int
        Seed of the degradation.
    threads : int
        Batches at a time.
    eight_bits : bool
        Whether the images at T are rounded to 256 values, as image files hold them.

    Returns
    -------
    list of Tensors of shape (N, C, H, W)
        The images at T, then the restored images of each of the ``ways``.
    """

    @torch.inference_mode()
    def process(number: int, batch: Tensor) -> list[Tensor]:
        degrade = model.degradation.sample(batch, batch_generator(rng, number))
        x = degrade(batch, model.degradation.steps)
        x = ((x + 1) * 127.5).round() / 127.5 - 1 if eight_bits else x
        return [x, *(_last(model, x, degrade, algorithm=algorithm, steps=steps) for algorithm, steps in ways)]

    batches = in_batches(process, threads, count(), torch.split(clean, BATCH))
    return [torch.cat(images) for images in zip(*batches, strict=True)]


def generated(
    model: ColdModel, n: int, *, rng: int = 0, noise: float = SYMMETRY_BREAKING, threads: int = 1, **options: Any
) -> Tensor:
    """Generate images: starts of :func:`start`, restored with the options of :func:`states`.

    Parameters
    ----------
    model : ColdModel
    n : int
        Number of images.
    rng : int
        Seed.
    noise : float
        Standard deviation of what is added to the start.
    threads : int
        Batches at a time.

    Returns
    -------
    Tensor of shape (n, C, H, W)
        Images in [-1, 1], not clipped.

    Raises
    ------
    ValueError
        If ``n`` isn't a whole number of 1 or more, or as :func:`start` and :func:`states`.
    """
    n = check_whole_number("n", n)
    sizes = [min(BATCH, n - first) for first in range(0, n, BATCH)]

    @torch.inference_mode()
    def process(number: int, size: int) -> Tensor:
        return _last(model, *start(model, size, batch_generator(rng, number), noise), **options)

    return torch.cat(list(in_batches(process, threads, count(), sizes)))


def start(
    model: ColdModel, n: int, generator: torch.Generator, noise: float = SYMMETRY_BREAKING
) -> tuple[Tensor, Degrade]:
    """Draw states at T, from which images are generated.

    Where a degradation leaves a grid of colours, grids are drawn from the model's terminal distribution, a mixture of
    Gaussians that was fitted to the training images. Elsewhere the degradation draws the state itself: noise, a colour,
    an image of another set.

    Parameters
    ----------
    model : ColdModel
    n : int
        Number of states.
    generator : torch.Generator
    noise : float
        Standard deviation of white noise that is added: it breaks the symmetry of equal pixels.

    Returns
    -------
    x : Tensor of shape (n, C, H, W)
    degrade : callable
        ``degrade(x0, t)`` with the same random numbers.

    Raises
    ------
    ValueError
        If images at T are still images, whose distribution isn't known.
    """
    settings = model.net.settings
    shape = (n, settings.channels, settings.size, settings.size)
    terminal_size, terminal = model.degradation.terminal_size(settings.size), model.terminal_distribution
    if terminal_size is None or (terminal_size and terminal is None):
        kind = type(model.degradation).__name__
        raise ValueError(
            f"model is of a {kind} that leaves too much of an image at its last step to begin from nothing; expected"
            " images to degrade (--data), or a model of a degradation that leaves a mean or noise"
        )
    base = torch.zeros(shape) if terminal is None else terminal.draw(n, settings.size, generator)
    degrade = model.degradation.sample(base, generator)
    x = degrade(base, model.degradation.steps) if terminal is None else base  # a grid is a state at T already
    return x + noise * torch.randn(shape, generator=generator), degrade


def _last(model: ColdModel, x: Tensor, degrade: Degrade, **options: Any) -> Tensor:
    *_, state = states(model, x, degrade, **options)
    return state.x.float()
