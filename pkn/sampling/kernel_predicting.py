"""``pkn.sample``: images out of noise, by a network whose every step is a filter."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.io.tensors import to_pictures
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.nets.registry import load_restorer
from pkn.pretrained import bundled_path
from pkn.sampling.batching import in_batches
from pkn.sampling.samplers import make_step, trajectory

BATCH = 64  # images at once


class SamplerState(NamedTuple):
    """A step: its time, z there, and the images predicted from z, which after the last step are the result.

    Both are (n, H, W, C), images in [0, 1]; the noise in z goes beyond.
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
    """Draw images.

    Parameters
    ----------
    model : str, path or KernelPredictingNet
        A bundled name, a ``.safetensors`` file of ``pkn train-sampler``, or a network.
    n : int
        How many.
    steps : int
        Of the sampler. (The bundled networks, trained by a perceptual distance, are best with few.)
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on how many are drawn.
    solver : {"ancestral", "euler", "heun"}
        "ancestral" renews part of the noise and is the best here; "euler" is the published one; "heun" asks the network
        twice a step.
    device : str
        Of torch.

    Returns
    -------
    ndarray of shape (n, H, W, C), float32
        In [0, 1].

    Raises
    ------
    ValueError
        For an unknown model or solver, a damaged file, ``n`` or ``steps`` under 1.
    """
    parts = [state.predicted for state in last_states(model, n, steps=steps, rng=rng, solver=solver, device=device)]
    return np.concatenate(parts)


def last_states(model: Any, n: int, rng: Any = None, threads: int = 1, **options: Any) -> Iterator[SamplerState]:
    """The final state of each batch, :data:`BATCH` images at most; as many at a time as there are ``threads``."""
    _check_number("n", n)
    net = find_sampler(model)
    rngs = np.random.default_rng(rng).spawn(n)
    batches = [rngs[first : first + BATCH] for first in range(0, n, BATCH)]

    def last(batch: list[np.random.Generator]) -> SamplerState:
        *_, state = _states(net, batch, **options)
        return state

    return in_batches(last, threads, batches)


def states(model: Any, n: int, *, rng: Any = None, **options: Any) -> Iterator[SamplerState]:
    """What :func:`sample` goes through, step by step; all images at once. Each is decided by ``rng`` and its place."""
    _check_number("n", n)
    return _states(find_sampler(model), np.random.default_rng(rng).spawn(n), **options)


def _states(
    net: KernelPredictingNet,
    rngs: list[np.random.Generator],
    *,
    steps: int = 16,
    solver: str = "ancestral",
    device: str = "cpu",
) -> Iterator[SamplerState]:
    _check_number("steps", steps)
    net = net.to(device)
    settings = net.settings
    size = settings.channels, settings.size, settings.size

    def noise() -> Tensor:
        return torch.from_numpy(np.stack([random.standard_normal(size, np.float32) for random in rngs])).to(device)

    def restore(z: Tensor, t: float) -> Tensor:
        x0: Tensor = net(z, torch.full((len(z),), t, device=z.device))
        return x0

    z, step, times = noise(), make_step(solver, noise), np.linspace(1, 0, steps + 1).tolist()
    with torch.inference_mode():
        for t, (later, x0) in zip(times, trajectory(restore, step, z, times), strict=False):
            yield SamplerState(t, to_pictures(z), np.clip(to_pictures(x0), 0, 1))
            z = later


def find_sampler(model: Any) -> KernelPredictingNet:
    """The network behind a bundled name or a ``.safetensors`` path.

    Raises
    ------
    ValueError
        For an unknown name (with near misses), a damaged file, or one of another network.
    """
    if isinstance(model, KernelPredictingNet):
        return model
    path = bundled_path(model, "samplers")
    net = load_restorer(path)
    if not isinstance(net, KernelPredictingNet):
        raise ValueError(f"'{path}' is a {type(net).__name__}; expected a KernelPredictingNet")
    return net


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number, 1 or more")
