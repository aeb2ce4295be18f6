"""Cold Diffusion: images restored from any degradation, and made from what is left at its end.

Bansal et al. 2022, arXiv 2208.09392. The parts are a degradation D(x, t), a restorer that predicts x from it, and a
sampler's step between them (:mod:`pkn.sampling.samplers`); hot diffusion differs by its degradation, noise, alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pkn.degradations.base import times
from pkn.degradations.blur import Blur
from pkn.degradations.mixtures import Degrade
from pkn.degradations.presets import build_degradation, to_config
from pkn.io.datasets import read_set
from pkn.io.tensors import to_tensor
from pkn.nets.registry import load_restorer
from pkn.nets.weights import read_header
from pkn.pretrained import bundled_path
from pkn.sampling.batching import batch_generator, in_batches
from pkn.sampling.samplers import Step, algorithm_1, algorithm_2, deterministic, trajectory
from pkn.sampling.terminal_distribution import TerminalDistribution

BATCH = 125  # images at once
SYMMETRY = 0.002  # standard deviation of what is added to the start, where all pixels are alike (published)
ALGORITHMS = ("algorithm_2", "algorithm_1", "estimated")


@dataclass(frozen=True)
class ColdModel:
    """A restorer, the degradation that it was trained on, and what is left of its images at the end.

    Parameters
    ----------
    net : torch.nn.Module
        Takes images (N, C, H, W) in [-1, 1] and t / T (N,).
    degradation : Degradation
    floor : float, optional
        Of :meth:`pkn.degradations.blur.Blur.undone`: the network sees that instead of the blurred image, and adds only
        what blur took entirely, so that the prediction, blurred, is what was given.
    ends : TerminalDistribution, optional
        To make images from nothing.
    half : bool
        Whether the network computes in bfloat16 where that is safe.
    """

    net: Any
    degradation: Any
    floor: float | None = None
    ends: TerminalDistribution | None = None
    half: bool = False

    def __post_init__(self) -> None:
        if self.floor is None:
            return
        if not (isinstance(self.floor, int | float) and 0 < self.floor < float("inf")):
            raise ValueError(f"floor is {self.floor!r}; expected a number above 0")
        if not isinstance(self.degradation, Blur):
            raise ValueError(
                f"floor is {self.floor}; expected none for {type(self.degradation).__name__}, only for Blur"
            )

    def restore(self, x: Tensor, t: float | Tensor) -> Tensor:
        """The image that is expected behind x at t, one number or (N,)."""
        t = torch.as_tensor(t, device=x.device).expand(len(x))
        seen = x if self.floor is None else self.degradation.regularized_inverse(x, t, self.floor)
        half = self.half or torch.is_autocast_enabled(x.device.type)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            predicted: Tensor = self.net(seen.float(), t.float() / self.degradation.steps)
        return predicted.to(x) if self.floor is None else self._consistent(predicted.to(x), x, t)

    def _consistent(self, predicted: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Waves that can still be seen in x are taken from there (as in Wang et al. 2022, arXiv 2212.00490)."""
        blurred = self.degradation.sample(predicted, torch.Generator())(predicted, t)
        missing: Tensor = self.degradation.regularized_inverse(x - blurred, t, self.floor)
        return predicted + missing

    def to_config(self) -> dict[str, Any]:
        """All but the network, as JSON reads it."""
        return {
            "degradation": to_config(self.degradation),
            "floor": self.floor,
            "ends": None if self.ends is None else asdict(self.ends),
        }


class ColdState(NamedTuple):
    """A step: the time it came to, x there, and the image it went by; both (N, C, H, W), images in [-1, 1]."""

    t: float
    x: Tensor
    predicted: Tensor


def states(
    model: ColdModel, x: Tensor, degrade: Degrade, *, algorithm: str = "algorithm_2", steps: int | None = None
) -> Iterator[ColdState]:
    """From ``x`` at T, where ``degrade`` was drawn for it, to t = 0; in float64, for small differences add up.

    Parameters
    ----------
    algorithm : {"algorithm_2", "algorithm_1", "estimated"}
        Algorithm 2 of the source; Algorithm 1; and, for noise and animorphosis, the one that estimates what was mixed
        in at each step (DDIM).
    steps : int, optional
        T by default. With "algorithm_1", 1 is the direct restoration.

    Raises
    ------
    ValueError
        For an unknown algorithm or less than one step.
    """
    step = _make_step(algorithm, degrade, model.degradation)
    if steps is not None and steps < 1:
        raise ValueError(f"steps is {steps}; expected 1 or more")
    if steps is not None and model.floor is not None and steps > model.degradation.steps:
        raise ValueError(
            f"steps is {steps}; expected at most {model.degradation.steps}, for blur is undone at whole times"
        )
    path = times(model.degradation.steps, steps)
    for t, (there, predicted) in zip(path[1:], trajectory(model.restore, step, x.double(), path), strict=True):
        yield ColdState(t, there, predicted)


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
) -> list[Tensor]:
    """``clean`` images (N, C, H, W) as they are at T, and as each way, (algorithm, steps), restores them from there."""

    @torch.inference_mode()
    def each(number: int, batch: Tensor) -> list[Tensor]:
        degrade = model.degradation.sample(batch, batch_generator(rng, number))
        x = degrade(batch, model.degradation.steps)
        return [x, *(_last(model, x, degrade, algorithm=way, steps=steps) for way, steps in ways)]

    found = in_batches(each, threads, count(), torch.split(clean, BATCH))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def generated(
    model: ColdModel, n: int, *, rng: int = 0, noise: float = SYMMETRY, threads: int = 1, **options: Any
) -> Tensor:
    """Images (n, C, H, W) from nothing, by options of :func:`states`; see :func:`start`."""
    sizes = [min(BATCH, n - first) for first in range(0, n, BATCH)]

    @torch.inference_mode()
    def each(number: int, size: int) -> Tensor:
        return _last(model, *start(model, size, batch_generator(rng, number), noise), **options)

    return torch.cat(list(in_batches(each, threads, count(), sizes)))


def start(model: ColdModel, n: int, generator: torch.Generator, noise: float = SYMMETRY) -> tuple[Tensor, Degrade]:
    """States (n, C, H, W) at T that no image was needed for, and ``degrade`` for them.

    Grids of colours where that is all a degradation leaves, drawn from a mixture of Gaussians that was fitted to the
    training images; else what the degradation itself draws: noise, a colour, an image of another set. ``noise``, a
    standard deviation, is added.

    Raises
    ------
    ValueError
        If the degradation leaves too much of an image.
    """
    settings = model.net.settings
    shape = (n, settings.channels, settings.size, settings.size)
    remaining = model.degradation.terminal_size(settings.size)
    if remaining is None or (remaining and model.ends is None):
        raise ValueError(f"{model.degradation} leaves too much of an image at T to make one from nothing")
    base = torch.zeros(shape) if model.ends is None else model.ends.draw(n, settings.size, generator)
    degrade = model.degradation.sample(base, generator)
    x = degrade(base, model.degradation.steps) if model.ends is None else base  # a grid is what is left already
    return x + noise * torch.randn(shape, generator=generator), degrade


def find_cold_model(model: Any, others: Path | None = None) -> ColdModel:
    """The model behind a bundled name or a ``.safetensors`` file of ``pkn train-cold``.

    Parameters
    ----------
    others : path, optional
        Another set of images, for animorphosis, as :func:`pkn.io.datasets.read_set` reads it.

    Raises
    ------
    ValueError
        For an unknown name (with near misses), or a file that is damaged or something else.
    """
    if isinstance(model, ColdModel):
        return model
    path = bundled_path(model, "cold")
    net = load_restorer(path)
    turned_into = None if others is None else read_others(others, net.settings.size, net.settings.channels)
    try:
        made = read_header(path)["about"]["plan"]["objective"]
        ends = None if made["ends"] is None else TerminalDistribution(**made["ends"])
        return ColdModel(net, build_degradation(made["degradation"], turned_into), made["floor"], ends)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"cannot load '{path}' as a restorer of pkn train-cold: {error!r}") from None


def read_others(path: Path, size: int, channels: int) -> Tensor:
    """What animorphosis turns images into, (M, C, size, size)."""
    return to_tensor(read_set(path, channels=channels, size=size).training)


def _last(model: ColdModel, x: Tensor, degrade: Degrade, **options: Any) -> Tensor:
    *_, state = states(model, x, degrade, **options)
    return state.x.float()
