"""Algorithm 2 of Kadkhodaie et al. 2023 (arXiv 2303.02984): a coarse image from noise, then each scale's details.

Scale by scale, details are drawn given the low-pass that is there already: from an image that was given, that is
super-resolution.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_image
from pkn.sampling.chains import Generators, in_chains, normal
from pkn.sampling.implicit_prior import ImplicitPriorResult, ImplicitPriorSettings, sample_implicit_prior
from pkn.wavelets.denoising import SCALING, finite_planes
from pkn.wavelets.haar_transform import BANDS, inverse_haar
from pkn.wavelets.inference import inference_model
from pkn.wavelets.models import WaveletModel, find_wavelet_model

LOW = ImplicitPriorSettings()
PUBLISHED_LOW = ImplicitPriorSettings(growing=False)  # 30 times as many steps; more varied and rougher
# Details are so faint that the published stop, 0.01 of their own deviation, is about 0.0001. Most of the networks find
# no less noise than 0.0002 to 0.0014, then more and more again, in bfloat16 sooner. This is half a grey level of 256.
DETAILS = ImplicitPriorSettings(relative=False, sigma_last=0.002, most=2000)
BRIGHTEST = 0.8  # low-passes are stretched to 0 ... 0.8 (published): their network knows faces of any contrast
SIZE = 160  # px, of the published networks' images
Tell = Callable[[float, float], None]


class WaveletSamples(NamedTuple):
    """Images (n, H, W), and the steps that each stage, the coarsest first, took for them, (n, stages).

    One stage that doesn't converge makes an image NaN; the others are as they would be without it.
    """

    images: np.ndarray
    steps: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """Which images did, (n,)."""
        found: np.ndarray = np.isfinite(self.images).all((1, 2))
        return found

    def checked(self) -> np.ndarray:
        """The images; ValueError if one didn't converge."""
        if not self.converged.all():
            last = self.steps[int(np.argmin(self.converged))].tolist()
            raise ValueError(
                f"{int((~self.converged).sum())} of {len(self.images)} chains don't converge (steps of one, from the "
                f"coarsest scale on: {last}); expected another denoiser, or other settings"
            )
        return self.images


def wavelet_sample(model: Any, n: int = 16, **options: Any) -> np.ndarray:
    """Draw grey images by a multi-scale model.

    Parameters
    ----------
    model : WaveletModel or path
        Or a folder, as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    n : int
        How many.
    size : int
        Side, px, a multiple of 2^scales; the published networks know faces of 160.
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on how many are drawn.
    half : bool
        Compute the networks in bfloat16.
    threads : int
        Batches at a time, each on one core if torch is told so.
    low, details : ImplicitPriorSettings
        Settings of Algorithm 1.
    tell : callable, optional
        Called with what is done and with the total.

    Returns
    -------
    ndarray of shape (n, size, size), float32
        Images in [0, 1], not clipped.

    Raises
    ------
    ValueError
        For a folder without a model, numbers out of range, or a network that doesn't converge.
    """
    return wavelet_samples(model, n, **options).checked()


def wavelet_samples(
    model: Any,
    n: int = 16,
    *,
    size: int = SIZE,
    rng: Any = None,
    half: bool = False,
    threads: int = 1,
    low: ImplicitPriorSettings = LOW,
    details: ImplicitPriorSettings = DETAILS,
    tell: Tell | None = None,
) -> WaveletSamples:
    """:func:`wavelet_sample` with the numbers of steps."""
    nets = inference_model(find_wavelet_model(model), half)
    side, rest = divmod(size, 2 ** len(nets.details))
    if side < 2 or rest:
        halvings = 2 ** len(nets.details)
        raise ValueError(f"size is {size}; expected a multiple of {halvings}, {2 * halvings} or more")
    report = _Tally(tell, n, 1 + len(nets.details))

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        y = normal(rngs, (1, side, side), low.sigma_0)
        coarse = sample_implicit_prior(lambda y: -nets.low(y), y, rngs, low, tell=report.of(first, 0, low, len(rngs)))
        return _finish(nets, stretched(coarse.kept()), rngs, details, first, report, [coarse.steps])

    return _samples(in_chains(work, n, rng, threads))


def wavelet_super_resolve(
    image: Any,
    model: Any,
    n: int = 1,
    *,
    levels: int = 2,
    rng: Any = None,
    half: bool = False,
    threads: int = 1,
    details: ImplicitPriorSettings = DETAILS,
    tell: Tell | None = None,
) -> np.ndarray:
    """Draw images whose means of 2^levels x 2^levels pixels are a given one; their mean is nearest in squared error.

    Parameters
    ----------
    image : array of shape (H, W)
        Grey; uint8 and uint16 are read as fractions of their full range, floats as they are, in [0, 1].
    model : WaveletModel or path
        Or a folder, as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    n : int
        How many.
    levels : int
        Doublings, 1 to the model's scales.
    rng, half, threads, details, tell
        As in :func:`wavelet_sample`.

    Returns
    -------
    ndarray of shape (n, H 2^levels, W 2^levels), float32

    Raises
    ------
    ValueError, TypeError
        For another shape or dtype, values that aren't finite, numbers out of range, or a network that doesn't converge.
    """
    planes = finite_planes(check_image(image, None), None).float()
    nets = inference_model(find_wavelet_model(model), half)
    if levels not in range(1, len(nets.details) + 1):
        raise ValueError(f"levels is {levels!r}; expected 1 to {len(nets.details)}, the model's scales")
    nets = replace(nets, details=nets.details[:levels])
    report = _Tally(tell, n, levels)

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        given = planes.expand(len(rngs), 1, *planes.shape[2:])
        return _finish(nets, given, rngs, details, first, report, [])

    return _samples(in_chains(work, n, rng, threads)).checked()


def with_details(
    net: Any, low: Tensor, rngs: Generators, settings: ImplicitPriorSettings, tell: Any = None
) -> tuple[Tensor, ImplicitPriorResult]:
    """Images (N, 1, 2 H, 2 W) of low-passes (N, 1, H, W): one scale of Algorithm 2."""
    y = normal(rngs, (BANDS, *low.shape[2:]), settings.sigma_0)
    found = sample_implicit_prior(lambda y, given: -net(torch.cat([given, y], 1)), y, rngs, settings, [low], tell)
    return inverse_haar(low, found.kept(), SCALING), found


def stretched(low: Tensor) -> Tensor:
    """Each image (N, ...) from its own range to 0 ... 0.8; a flat one becomes 0."""
    least, most = low.flatten(1).aminmax(dim=1)
    shape = -1, *(1,) * (low.ndim - 1)
    span = (most - least).clamp_min(torch.finfo(low.dtype).tiny)
    return BRIGHTEST * (low - least.reshape(shape)) / span.reshape(shape)


def _finish(
    nets: WaveletModel,
    low: Tensor,
    rngs: Generators,
    settings: ImplicitPriorSettings,
    first: int,
    report: "_Tally",
    steps: list[Tensor],
) -> tuple[Tensor, Tensor]:
    for net in reversed(nets.details):
        tell = report.of(first, len(steps), settings, len(rngs))
        low, found = with_details(net, low, rngs, settings, tell)
        steps = [*steps, found.steps]
    return low[:, 0], torch.stack(steps, 1)


def _samples(parts: list[Tensor]) -> WaveletSamples:
    return WaveletSamples(*(part.numpy() for part in parts))


class _Tally:
    """How far all chains of all batches are, stage by stage, on a scale of logarithms of their noise."""

    def __init__(self, tell: Tell | None, n: int, stages: int) -> None:
        self.tell, self.n, self.stages = tell, n, stages
        self.done: dict[int, float] = {}

    def of(self, first: int, stage: int, settings: ImplicitPriorSettings, chains: int) -> Callable[[int, Tensor], None]:
        """What Algorithm 1 tells, for the batch that begins with a chain."""

        def told(t: int, sigma: Tensor) -> None:
            if self.tell is not None:
                way = 1 - (sigma / settings.sigma_last).log() / np.log(settings.sigma_0 / settings.sigma_last)
                self.done[first] = chains * (stage + 1) - float((1 - way.clamp(0, 1)).sum())
                self.tell(sum(self.done.values()), self.n * self.stages)

        return told
