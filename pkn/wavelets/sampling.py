"""Algorithm 2 of Kadkhodaie et al. 2023 (arXiv 2303.02984): a coarse image from noise, then the details of each scale.

The details of a scale are drawn given the low-pass, which is there already. Where the first low-pass is a given image,
that is super-resolution.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_image, check_whole_number
from pkn.sampling.batching import Callback, Generators, run_chains, silent, standard_normal
from pkn.sampling.implicit_prior import (
    ChainProgress,
    ImplicitPriorResult,
    ImplicitPriorSettings,
    sample_implicit_prior,
)
from pkn.wavelets.denoising import SCALING, finite_planes
from pkn.wavelets.haar_transform import BANDS, inverse_haar
from pkn.wavelets.inference import inference_model
from pkn.wavelets.models import WaveletModel, find_wavelet_model

LOW = ImplicitPriorSettings()
PUBLISHED_LOW = ImplicitPriorSettings(growing=False)  # 30 times as many steps; more varied and rougher
# Most of the networks never estimate less noise than 0.0002 to 0.0014, and then more and more again: where the
# published stop, 0.01 of the details' deviation, isn't reached, the least noise counts, if half a grey value at most.
DETAILS = ImplicitPriorSettings(most=2000, fallback=0.002)
# As in the authors' notebook: no noise is added (so all details are the likeliest ones), and it stops early.
NOTEBOOK_DETAILS = ImplicitPriorSettings(beta=1.0, sigma_last=0.05, most=2000, fallback=0.002)
BRIGHTEST = 0.8  # low-passes are stretched to 0 ... 0.8 (published): their network draws faces of any contrast


class WaveletSamples(NamedTuple):
    """Images (n, H, W), and the steps of each stage for each of them, (n, stages), the coarsest stage first.

    An image is NaN if one of its stages didn't converge; the other images don't depend on it.
    """

    images: np.ndarray
    steps: np.ndarray

    @property
    def converged(self) -> np.ndarray:
        """For which of the images all stages converged, (n,)."""
        converged: np.ndarray = np.isfinite(self.images).all((1, 2))
        return converged

    def checked(self) -> np.ndarray:
        """The images; raises ValueError if one didn't converge."""
        if not self.converged.all():
            last = self.steps[int(np.argmin(self.converged))].tolist()
            raise ValueError(
                f"{int((~self.converged).sum())} of {len(self.images)} chains don't converge (steps of one, from the "
                f"coarsest scale on: {last}); expected another denoiser, or other settings"
            )
        return self.images


class WaveletPosterior(NamedTuple):
    """What samples (n, H, W) of one posterior say of each pixel: their mean and standard deviation, (H, W).

    The mean's own standard error is ``std`` / sqrt(n); the deviation's is ``std`` / sqrt(2 n - 2) where samples are
    Gaussian.
    """

    mean: np.ndarray
    std: np.ndarray
    samples: np.ndarray


def wavelet_sample(model: Any, n: int = 16, **options: Any) -> np.ndarray:
    """Draw grey images by a multi-scale model: Algorithm 2 of Kadkhodaie et al. 2023 (arXiv 2303.02984).

    Parameters
    ----------
    model : WaveletModel or path
        A model, or a folder as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    n : int
        Number of images.
    size : int, optional
        Side of the images, px, a multiple of 2^scales; by default that of the images the model was trained on (of the
        published ones 160 with two scales, 320 with three).
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on ``n``.
    half : bool
        Whether the networks compute in bfloat16, but for the finest scale's.
    threads : int
        Batches at a time, each on one core with ``torch.set_num_threads(1)``.
    low, details : ImplicitPriorSettings
        Settings of Algorithm 1.
    callback : callable
        ``callback(done, total, {"sigma": noise})`` counts the stages of all chains, fractions of them included; the
        noise is that of the chains of a batch that go on.

    Returns
    -------
    ndarray of shape (n, size, size), float32
        Images in [0, 1], not clipped.

    Raises
    ------
    ValueError
        For a folder without a model, numbers out of range, or a network that doesn't converge.

    Examples
    --------
    >>> import pkn
    >>> import torch
    >>> from pkn.sampling.implicit_prior import ImplicitPriorSettings
    >>> from pkn.wavelets.models import WaveletModel
    >>> ramp = torch.linspace(0, 1, 4)
    >>> model = WaveletModel(lambda low: low - ramp, [lambda inputs: inputs[:, 1:]])  # a prior of ramps without details
    >>> images = pkn.wavelet_sample(model, 2, size=8, rng=0, low=ImplicitPriorSettings(h0=0.1))
    >>> print(images.shape, images[0, 0].round(1))
    (2, 8, 8) [0.  0.  0.3 0.3 0.5 0.5 0.8 0.8]
    """
    return wavelet_samples(model, n, **options).checked()


def wavelet_samples(
    model: Any,
    n: int = 16,
    *,
    size: int | None = None,
    rng: Any = None,
    half: bool = False,
    threads: int = 1,
    low: ImplicitPriorSettings = LOW,
    details: ImplicitPriorSettings = DETAILS,
    callback: Callback = silent,
) -> WaveletSamples:
    """:func:`wavelet_sample` with the numbers of steps, and without an error for chains that don't converge."""
    nets = inference_model(find_wavelet_model(model), half)
    size = nets.size if size is None else size
    factor = 2 ** len(nets.details)
    side, rest = divmod(check_whole_number("size", size), factor)
    if side < 2 or rest:
        raise ValueError(f"size is {size}; expected a multiple of {factor}, {2 * factor} or more")
    progress = ChainProgress(callback, n, 1 + len(nets.details))

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        y = low.sigma_0 * standard_normal(rngs, (1, side, side))
        report = progress.of_batch(first, len(rngs), low)
        coarse = sample_implicit_prior(lambda y: -nets.low(y), y, rngs, low, callback=report)
        return _add_details(nets, stretched(coarse.kept()), rngs, details, first, progress, [coarse.steps])

    return _samples(run_chains(work, n, rng, threads))


def wavelet_super_resolve(
    image: Any,
    model: Any,
    n: int = 1,
    *,
    levels: int = 2,
    return_std: bool = False,
    rng: Any = None,
    half: bool = False,
    threads: int = 1,
    details: ImplicitPriorSettings = DETAILS,
    callback: Callback = silent,
) -> np.ndarray | WaveletPosterior:
    """Draw images whose means of 2^levels x 2^levels pixels are a given image.

    The details are drawn as in Algorithm 2 of Kadkhodaie et al. 2023 (arXiv 2303.02984). The mean of the images has the
    least squared error.

    Parameters
    ----------
    image : array of shape (H, W)
        Grey; uint8 and uint16 are read as fractions of their full range, floats as they are, in [0, 1].
    model : WaveletModel or path
        A model, or a folder as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    n : int
        Number of images.
    levels : int
        How many times the size doubles: 1 to the number of the model's scales.
    return_std : bool
        Whether the mean and the standard deviation of the images are returned as well. They need ``n`` of at least 2.
    rng, half, threads, details, callback
        As in :func:`wavelet_sample`.

    Returns
    -------
    ndarray of shape (n, H 2^levels, W 2^levels), float32
        Or, with ``return_std``, a :class:`WaveletPosterior`: ``mean`` and ``std`` of each pixel, and these ``samples``.

    Raises
    ------
    ValueError, TypeError
        For another shape or dtype, values that aren't finite, numbers out of range, or a network that doesn't converge.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.wavelets.models import WaveletModel
    >>> model = WaveletModel(lambda low: low, [lambda inputs: inputs[:, 1:]])  # a prior of images without details
    >>> low = np.linspace(0, 1, 64).reshape(8, 8)
    >>> images = pkn.wavelet_super_resolve(low, model, 3, levels=1, rng=0)
    >>> means = images.reshape(3, 8, 2, 8, 2).mean((2, 4))
    >>> images.shape, bool(np.abs(means - low).max() < 1e-6)
    ((3, 16, 16), True)
    >>> posterior = pkn.wavelet_super_resolve(low, model, 3, levels=1, rng=0, return_std=True)
    >>> bool(posterior.std.max() < 0.01)  # this prior is sure of its details: there are none
    True
    """
    if return_std and n < 2:
        raise ValueError(f"n is {n}; expected at least 2 for a standard deviation")
    planes = finite_planes(check_image(image, None), None).float()
    nets = inference_model(find_wavelet_model(model), half)
    if check_whole_number("levels", levels) > len(nets.details):
        raise ValueError(f"levels is {levels!r}; expected 1 to {len(nets.details)}, the number of the model's scales")
    nets = replace(nets, details=nets.details[:levels])
    progress = ChainProgress(callback, n, levels)

    def work(first: int, rngs: Generators) -> tuple[Tensor, ...]:
        low = planes.expand(len(rngs), 1, *planes.shape[2:])
        return _add_details(nets, low, rngs, details, first, progress, [])

    samples = _samples(run_chains(work, n, rng, threads)).checked()
    return WaveletPosterior(samples.mean(0), samples.std(0, ddof=1), samples) if return_std else samples


def with_details(
    net: Any, low: Tensor, rngs: Generators, settings: ImplicitPriorSettings, callback: Callback = silent
) -> tuple[Tensor, ImplicitPriorResult]:
    """Draw the details of low-passes (N, 1, H, W): one scale of Algorithm 2.

    Returns
    -------
    images : Tensor of shape (N, 1, 2 H, 2 W)
    result : ImplicitPriorResult
        Of the details.
    """
    y = settings.sigma_0 * standard_normal(rngs, (BANDS, *low.shape[2:]))

    def direction(y: Tensor, low: Tensor) -> Tensor:
        noise: Tensor = net(torch.cat([low, y], 1))
        return -noise

    result = sample_implicit_prior(direction, y, rngs, settings, [low], callback)
    return inverse_haar(low, result.kept(), SCALING), result


def stretched(low: Tensor) -> Tensor:
    """Map the range of each of the images (N, ...) to 0 ... 0.8; constant images become 0."""
    least, most = low.flatten(1).aminmax(dim=1)
    shape = -1, *(1,) * (low.ndim - 1)
    span = (most - least).clamp_min(torch.finfo(low.dtype).tiny)
    return BRIGHTEST * (low - least.reshape(shape)) / span.reshape(shape)


def _add_details(
    nets: WaveletModel,
    low: Tensor,
    rngs: Generators,
    settings: ImplicitPriorSettings,
    first: int,
    progress: ChainProgress,
    steps: list[Tensor],
) -> tuple[Tensor, Tensor]:
    """Draw the details of all scales; the images (N, H, W), and the steps of all stages, with those before."""
    for net in reversed(nets.details):
        report = progress.of_batch(first, len(rngs), settings, stage=len(steps))
        low, result = with_details(net, low, rngs, settings, report)
        steps = [*steps, result.steps]
    return low[:, 0], torch.stack(steps, 1)


def _samples(parts: list[Tensor]) -> WaveletSamples:
    return WaveletSamples(*(part.numpy() for part in parts))
