"""``pkn.sample``: images from noise, by a kernel-predicting network: each of its steps is a filter."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_whole_number
from pkn.io.tensors import to_pictures
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.nets.registry import load_restorer
from pkn.pretrained import bundled_path
from pkn.sampling.batching import in_batches, standard_normal
from pkn.sampling.samplers import make_step, trajectory

BATCH = 64  # images at once


class SamplerState(NamedTuple):
    """A step: its time t, the state z at t, and the images predicted from z; those of the last step are the result.

    Both arrays are (n, H, W, C). Images are in [0, 1]; z, which has noise, exceeds that range.
    """

    t: float
    z: np.ndarray
    predicted: np.ndarray


def sample(
    model: Any = "cats",
    n: int = 16,
    *,
    steps: int = 16,
    rng: Any = None,
    solver: str = "ancestral",
    device: str = "cpu",
) -> np.ndarray:
    """Draw images from a generative model.

    After "Generating Cats with KPN Filtering", 2025.

    Parameters
    ----------
    model : str, path or KernelPredictingNet
        A bundled name, a ``.safetensors`` file of ``pkn train-sampler``, or a network.
    n : int
        Number of images.
    steps : int
        Steps of the sampler. (The bundled network, trained by a perceptual distance, is best with few.)
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on ``n``.
    solver : {"ancestral", "euler", "heun"}
        "ancestral" (DDPM) renews part of the noise and is the best here; "euler" (DDIM) is the published one; "heun" is
        of second order and evaluates the network twice in a step.
    device : str
        A device of torch.

    Returns
    -------
    ndarray of shape (n, H, W, C), float32
        Images in [0, 1].

    Raises
    ------
    ValueError
        For an unknown model or solver, a damaged file, or ``n`` or ``steps`` that isn't a whole number of 1 or more.

    Examples
    --------
    >>> import pkn
    >>> cats = pkn.sample("cats", n=1, steps=1, rng=0)
    >>> cats.shape, cats.dtype, bool(0 <= cats.min() <= cats.max() <= 1)
    ((1, 64, 64, 3), dtype('float32'), True)
    """
    batches = last_states(model, n, rng, steps=steps, solver=solver, device=device)
    return np.concatenate([state.predicted for state in batches])


def last_states(model: Any, n: int, rng: Any = None, threads: int = 1, **options: Any) -> Iterator[SamplerState]:
    """The last state of each batch of at most :data:`BATCH` images, ``threads`` batches at a time.

    Parameters are those of :func:`sample`.
    """
    n = check_whole_number("n", n)
    net = find_sampler(model)
    rngs = np.random.default_rng(rng).spawn(n)
    batches = [rngs[first : first + BATCH] for first in range(0, n, BATCH)]

    def last(batch: list[np.random.Generator]) -> SamplerState:
        *_, state = _states(net, batch, **options)
        return state

    return in_batches(last, threads, batches)


def states(model: Any, n: int, *, rng: Any = None, **options: Any) -> Iterator[SamplerState]:
    """The states of :func:`sample`, step by step, of all images at once.

    Parameters are those of :func:`sample`.
    """
    n = check_whole_number("n", n)
    return _states(find_sampler(model), np.random.default_rng(rng).spawn(n), **options)


def _states(
    net: KernelPredictingNet,
    rngs: list[np.random.Generator],
    *,
    steps: int = 16,
    solver: str = "ancestral",
    device: str = "cpu",
) -> Iterator[SamplerState]:
    steps = check_whole_number("steps", steps)
    net = net.to(device)
    settings = net.settings
    shape = settings.channels, settings.size, settings.size

    def noise() -> Tensor:
        return standard_normal(rngs, shape).to(device)

    def restore(z: Tensor, t: float) -> Tensor:
        x0: Tensor = net(z, torch.full((len(z),), t, device=z.device))
        return x0

    z, step, times = noise(), make_step(solver, noise), np.linspace(1, 0, steps + 1).tolist()
    with torch.inference_mode():
        for t, (next_z, x0) in zip(times, trajectory(restore, step, z, times), strict=False):
            yield SamplerState(t, to_pictures(z), np.clip(to_pictures(x0), 0, 1))
            z = next_z


def find_sampler(model: Any) -> KernelPredictingNet:
    """Load the network of a bundled name or a ``.safetensors`` path; a network is returned as it is.

    Raises
    ------
    ValueError
        For an unknown name (with similar ones), a damaged file, or a file of another network.
    """
    if isinstance(model, KernelPredictingNet):
        return model
    path = bundled_path(model, "samplers")
    net = load_restorer(path)
    if not isinstance(net, KernelPredictingNet):
        raise ValueError(f"'{path}' is a {type(net).__name__}; expected a KernelPredictingNet")
    return net
