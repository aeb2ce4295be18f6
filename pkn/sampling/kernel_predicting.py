"""``pkn.sample``: images from noise, by a kernel-predicting network: each of its steps is a filter."""

from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_whole_number
from pkn.io.tensors import to_pictures
from pkn.nets.bfloat16 import half_precision
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.nets.models.unet import UNet
from pkn.nets.registry import load_restorer
from pkn.nets.weights import read_header
from pkn.pretrained import bundled_path
from pkn.sampling.batching import Callback, in_batches, silent, standard_normal
from pkn.sampling.guidance import check_guidance, guided
from pkn.sampling.samplers import make_step, trajectory
from pkn.sampling.starts import Start, check_start

BATCH = 64  # images at once
Sampler = KernelPredictingNet | UNet


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
    image: Any = None,
    mask: Any = None,
    strength: float | None = None,
    between: Any = None,
    guidance: float | None = None,
    half: bool = False,
    device: str = "cpu",
    callback: Callback = silent,
) -> np.ndarray:
    """Draw images from a generative model, from noise or from a photograph.

    After "Generating Cats with KPN Filtering", 2025.

    Parameters
    ----------
    model : str, path, KernelPredictingNet or UNet
        A bundled name, a ``.safetensors`` file of ``pkn train-sampler``, or a network.
    n : int
        Number of images.
    steps : int
        Steps of the sampler.
    rng : None, int or numpy.random.Generator
        The same number gives the same images, to rounding; an image doesn't depend on ``n``.
    solver : {"ancestral", "euler", "heun"}
        "ancestral" (DDPM) renews part of the noise; "euler" (DDIM) is the published one; "heun" is
        of second order and evaluates the network twice in a step.
    image : array of shape (H, W, C) or (n, H, W, C), optional
        To begin with, of the model's size: floats from 0 to 1, or integers. (H, W) for grey.
    mask : bool array of shape (H, W), optional
        Pixels of ``image`` that are kept as they are; those that are False are painted.
    strength : float, optional
        The time from which ``image`` is denoised, its share of noise at first: above 0 and at most 1, where nothing of
        the image is left. By default 0.5, and 1 with a mask.
    between : (int, int), optional
        Two seeds: the ``n`` images begin with noises on the great circle between those of ``n=1, rng=`` each. Not for
        "ancestral".
    guidance : float, optional
        How far images go beyond what the network predicts, seen from what its guiding network predicts: 1 for not at
        all. By default 2 for a network that has one, as "cats", and 1 for others.
    half : bool
        Whether the network computes in bfloat16 where that is safe.
    device : str
        A device of torch.
    callback : callable
        ``callback(steps done, steps in all, {"state": SamplerState})`` is called after each step; what it raises ends
        the sampling.

    Returns
    -------
    ndarray of shape (n, H, W, C), float32
        Images in [0, 1].

    Raises
    ------
    ValueError, TypeError
        For an unknown model or solver, a damaged file, ``n`` or ``steps`` that isn't a whole number of 1 or more, or an
        image, mask, strength, seeds or guidance that don't fit.

    Examples
    --------
    >>> import pkn
    >>> cats = pkn.sample("cats", n=1, steps=1, rng=0)
    >>> cats.shape, cats.dtype, bool(0 <= cats.min() <= cats.max() <= 1)
    ((1, 64, 64, 3), dtype('float32'), True)
    >>> import numpy as np
    >>> left = np.arange(64) < 32
    >>> other = pkn.sample("cats", n=1, steps=2, rng=1, image=cats, mask=np.tile(left, (64, 1)))
    >>> bool(np.abs(other - cats)[:, :, left].max() < 1e-6)  # kept
    True
    """
    given: dict[str, Any] = {"image": image, "mask": mask, "strength": strength, "between": between}
    given |= {"steps": steps, "solver": solver, "guidance": guidance, "half": half, "device": device}
    batches = last_states(model, n, rng, callback=callback, **given)
    return np.concatenate([state.predicted for state in batches])


def last_states(
    model: Any, n: int, rng: Any = None, threads: int = 1, callback: Callback = silent, **options: Any
) -> Iterator[SamplerState]:
    """The last state of each batch of at most :data:`BATCH` images, ``threads`` batches at a time.

    Parameters are those of :func:`sample`.
    """
    chains = _chains(model, n, rng, **options)
    batches = [slice(first, first + BATCH) for first in range(0, len(chains.rngs), BATCH)]
    done = count()

    def last(batch: slice) -> SamplerState:
        for state in _states(chains.part(batch)):
            callback(next(done) + 1, len(batches) * chains.steps, {"state": state})
        return state

    return in_batches(last, threads, batches)


def states(model: Any, n: int, *, rng: Any = None, **options: Any) -> Iterator[SamplerState]:
    """The states of :func:`sample`, step by step, of all images at once.

    Parameters are those of :func:`sample`, but for ``callback``.
    """
    return _states(_chains(model, n, rng, **options))


class _Chains(NamedTuple):
    """What :func:`sample` is asked for, checked."""

    net: Sampler
    rngs: list[np.random.Generator]
    start: Start
    steps: int
    solver: str
    guidance: float
    half: bool
    device: str

    def part(self, chains: slice) -> "_Chains":
        return self._replace(rngs=self.rngs[chains], start=self.start.part(chains))


def _chains(
    model: Any,
    n: int,
    rng: Any,
    *,
    steps: int = 16,
    solver: str = "ancestral",
    image: Any = None,
    mask: Any = None,
    strength: float | None = None,
    between: Any = None,
    guidance: float | None = None,
    half: bool = False,
    device: str = "cpu",
) -> _Chains:
    n, steps = check_whole_number("n", n), check_whole_number("steps", steps)
    net = find_sampler(model)
    size = net.settings.size, net.settings.size, net.settings.channels
    start = check_start(n, size, solver, image, mask, strength, between)
    guidance = check_guidance(net, guidance)
    return _Chains(net, np.random.default_rng(rng).spawn(n), start, steps, solver, guidance, half, device)


def _states(chains: _Chains) -> Iterator[SamplerState]:
    net, device = chains.net.to(chains.device), chains.device
    shape = net.settings.channels, net.settings.size, net.settings.size

    def restore(z: Tensor, t: float) -> Tensor:
        with half_precision(torch.device(device).type, chains.half):
            x0 = guided(net, z, t, chains.guidance)
        return chains.start.keep(x0)

    step = make_step(chains.solver, lambda: standard_normal(chains.rngs, shape).to(device))
    z = chains.start.state(chains.rngs, shape).to(device)
    times = np.linspace(chains.start.time, 0, chains.steps + 1).tolist()
    with torch.inference_mode():
        for t, (next_z, x0) in zip(times, trajectory(restore, step, z, times), strict=False):
            yield SamplerState(t, to_pictures(z), np.clip(to_pictures(x0), 0, 1))
            z = next_z


def find_sampler(model: Any) -> Sampler:
    """Load the network of a bundled name or a ``.safetensors`` path; a network is returned as it is.

    Raises
    ------
    ValueError
        For an unknown name (with similar ones), a damaged file, or a file of another network, or of one that was
        trained on something else than noise.
    """
    if isinstance(model, Sampler):
        return model
    path = bundled_path(model, "samplers")
    net = load_restorer(path)
    if not isinstance(net, Sampler):
        raise ValueError(f"'{path}' is a {type(net).__name__}; expected a KernelPredictingNet or UNet")
    objective = read_header(path)["about"].get("plan", {}).get("objective", {})
    if "degradation" in objective:
        kind = objective["degradation"]["kind"]
        raise ValueError(f"'{path}' restores from {kind}; expected a network of pkn train-sampler")
    return net


def find_kernels(model: Any, wanted: str) -> KernelPredictingNet:
    """As :func:`find_sampler`, for what needs kernels, by its name.

    Raises
    ------
    ValueError
        As there, and for a network without kernels.
    """
    net = find_sampler(model)
    if not isinstance(net, KernelPredictingNet):
        raise ValueError(f"model is a {type(net).__name__}; expected a KernelPredictingNet for {wanted}")
    return net
