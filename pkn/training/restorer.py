"""Training networks that predict clean images from degraded ones: the restorers of samplers."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pkn.filters.engine.threads import one_thread
from pkn.io.atomic import atomic_path
from pkn.io.tensors import to_tensor
from pkn.nets.models.bias_free_cnn import BiasFreeNorm
from pkn.nets.models.int8 import pack, unpack
from pkn.nets.registry import build_restorer
from pkn.nets.weights import read_header, read_tensors, to_bytes
from pkn.training.checkpoints import LARGEST_CHECKPOINT
from pkn.training.loop import Callback, State, TrainingRun, silent
from pkn.training.objectives import Objective
from pkn.version import __version__

AVERAGED = 50  # steps whose mean loss is one point of the curve
LARGEST_GRADIENT = 1.0
AVERAGE = "average.module."  # before the names of its tensors in a checkpoint
NORM_BATCHES = 16  # batches
LARGEST_PROFILE = 0.28  # of a run: its mean has 0.289


@dataclass(frozen=True)
class RestorerPlan:
    """What decides a run, but for its length: it can be taken up again, and made longer.

    Parameters
    ----------
    network : dict
        Architecture, as in the header of a weights file.
    objective : dict
        What is minimised, for the record.
    data : str
        Name of the images.
    start : str, optional
        Name of the file whose weights it began with.
    seed : int
    batch : int
        Images in a step.
    parts : int
        In which a batch is worked on at the same time. On a CPU, one for each core, with torch on one thread, is faster
        than torch on all; the gradient's bits depend on it, and from three on, on chance.
    rate : float
        Learning rate of AdamW, after a linear rise over ``warm_up`` steps.
    decay : float
        Weight decay.
    mirror : bool
        Whether half of the images are mirrored.
    averaging : float
        Of the exponential moving average of weights, which is what is kept.
    profile : float, optional
        If given, the average is by a power of the step instead, and this is its width as a share of the run, however
        long that gets (Karras et al. 2023, arXiv 2312.02696, section 3).
    """

    network: dict[str, Any]
    objective: dict[str, Any]
    data: str
    start: str | None = None
    seed: int = 0
    batch: int = 32
    parts: int = 1
    rate: float = 3e-4
    decay: float = 1e-2
    warm_up: int = 200
    mirror: bool = False
    averaging: float = 0.999
    profile: float | None = None


class RestorerTraining(TrainingRun):
    """One run on images (N, H, W, C), uint8; ``objective(net, clean, random)`` is a loss for clean ones in [-1, 1]."""

    def __init__(
        self, plan: RestorerPlan, net: nn.Module, images: np.ndarray, objective: Objective, half: bool = False
    ) -> None:
        super().__init__()
        self.plan, self.images, self.objective, self.half = plan, images, objective, half
        self.config = plan.network
        self.pool = ThreadPoolExecutor(plan.parts)
        self.device = next(net.parameters()).device
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(net, multi_avg_fn=_averaging(plan))
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=plan.decay)
        self.curve: list[tuple[int, float, float]] = []  # step, minutes, mean loss
        self._losses: list[float] = []
        self._cooling, self._check_every, self._checked = 0.0, 0.0, 0.0

    def run(
        self,
        out: Path,
        minutes: float,
        steps: int | None = None,
        check_every: float = 5.0,
        callback: Callback = silent,
        cooling: float = 0.0,
    ) -> None:
        """Train until ``minutes`` (of all parts of the run) or ``steps`` are over, and write the averaged network.

        ``callback(share of the run done, 1, info)`` hears of each step; ``info["loss"]`` is its loss, and after a
        checkpoint, every ``check_every`` minutes, ``info["curve"]`` the curve so far. The learning rate falls to 0
        along a line over the last share ``cooling`` of the run.
        """
        self._cooling, self._check_every, self._checked = cooling, check_every, self.minutes
        self.train(out, 1.0, lambda: max(self.minutes / minutes, self.step / steps if steps else 0.0), callback)

    def _advance(self, left: float) -> Mapping[str, Any]:
        warmth = min(1.0, left / self._cooling) if self._cooling else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.rate * warmth * min(1.0, (self.step + 1) / self.plan.warm_up)
        random = np.random.default_rng((self.plan.seed, self.step))
        clean = draw_images(self.images, self.plan.batch, random, self.plan.mirror).to(self.device)
        self.optimiser.zero_grad()
        parts = clean.chunk(self.plan.parts)
        loss = sum(self.pool.map(self._backward, parts, random.spawn(len(parts))))
        nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.average.update_parameters(self.net)
        self._losses.append(loss)
        if len(self._losses) == AVERAGED:
            self.curve.append((self.step + 1, round(self.minutes, 3), float(np.mean(self._losses))))
            self._losses.clear()
        return {"loss": loss}

    def _backward(self, clean: Tensor, random: np.random.Generator) -> float:
        """Add a part's share of the gradient; returns its share of the loss."""
        with one_thread() if self.plan.parts > 1 else nullcontext():
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                loss = self.objective(self.net, clean, random) * (len(clean) / self.plan.batch)
            loss.backward()
        return float(loss.detach())

    def _check_is_due(self, finished: bool) -> bool:
        return self.minutes - self._checked >= self._check_every

    def _check(self) -> Mapping[str, Any]:
        self._checked = self.minutes
        return {"curve": self.curve, "mean loss": self.last_loss}

    @property
    def last_loss(self) -> float:
        """Mean over the last steps."""
        return float(np.mean(self._losses)) if self._losses else self.curve[-1][2]

    def _state(self) -> State:
        return {"average": self.average.state_dict(), "losses": {"recent": torch.tensor(self._losses)}}

    def _facts(self) -> Mapping[str, Any]:
        return {"minutes": self.minutes, "curve": self.curve}

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        self.average.load_state_dict(state["average"])
        self._losses = state["losses"]["recent"].tolist()
        self.minutes = facts["minutes"]
        self.curve = [(step, minutes, loss) for step, minutes, loss in facts["curve"]]

    def _write(self, out: Path) -> None:
        self._update_norm_statistics()
        about = {"plan": asdict(self.plan), "step": self.step, **self._facts()}
        about |= {"pkn": __version__, "images": len(self.images)}
        state = self.average.module.state_dict()
        # float16 is accurate enough to compute with in float32, and half the size
        arrays = {name: values.detach().cpu().numpy().astype(np.float16) for name, values in state.items()}
        with atomic_path(out) as temporary:
            temporary.write_bytes(to_bytes(self.config, arrays, about))

    def _update_norm_statistics(self) -> None:
        """Give bias-free norms of the averaged network deviations of its own: it has but those of the trained one.

        Without, CNNs of a few hundred steps left up to 3 dB more of the noise.
        """
        net = self.average.module
        norms = [part for part in net.modules() if isinstance(part, BiasFreeNorm)]
        random = np.random.default_rng(self.plan.seed)
        for number in range(1, NORM_BATCHES + 1 if norms else 1):
            for norm in norms:
                norm.momentum = 1 / number
            clean = draw_images(self.images, self.plan.batch, random, self.plan.mirror).to(self.device)
            with torch.no_grad():
                self.objective(net.train(), clean, random)


def export_weights(source: Path, target: Path, int8: bool = False) -> None:
    """Write the averaged network of a checkpoint, or of a weights file, as a weights file.

    Parameters
    ----------
    source : path
        A run's checkpoint, whatever step it is at, or a weights file.
    target : path
    int8 : bool
        Weights in int8, see :func:`pkn.nets.models.int8.pack`; else float16.

    Raises
    ------
    ValueError
        If the file is neither.
    """
    header, tensors = read_header(source), unpack(read_tensors(source, LARGEST_CHECKPOINT))
    average = {name.removeprefix(AVERAGE): values for name, values in tensors.items() if name.startswith(AVERAGE)}
    arrays = {name: values.astype(np.float16) for name, values in (average or tensors).items()}
    build_restorer(header["architecture"]).load_state_dict({name: torch.from_numpy(v) for name, v in arrays.items()})
    with atomic_path(target) as temporary:
        packed = pack(average or tensors) if int8 else arrays
        temporary.write_bytes(to_bytes(header["architecture"], packed, header["about"]))


def _averaging(plan: RestorerPlan) -> Callable[..., None]:
    """A moving average, exponential and at first the mean of few, or by a power of the step."""
    power = None if plan.profile is None else power_of_profile(plan.profile)

    def update(averaged: Any, current: Any, count: Tensor) -> None:
        if power is None:
            kept = min(plan.averaging, (1 + float(count)) / (10 + float(count)))
        else:
            kept = (1 - 1 / (1 + float(count))) ** (power + 1)
        torch._foreach_lerp_(averaged, current, 1 - kept)

    return update


def power_of_profile(width: float) -> float:
    """The power g with which weights t^g have a deviation of ``width`` times the length of the run.

    The deviation of t^g on [0, 1] is sqrt(g + 1) / ((g + 2) sqrt(g + 3)).

    Raises
    ------
    ValueError
        If no power above 0 has it.
    """
    if not 0 < width < LARGEST_PROFILE:
        raise ValueError(f"profile is {width}; expected a number between 0 and {LARGEST_PROFILE}")
    return float(np.roots([1, 7, 16 - width**-2, 12 - width**-2]).real.max())


def draw_images(images: np.ndarray, number: int, random: np.random.Generator, mirror: bool) -> Tensor:
    """Images (number, C, H, W) in [-1, 1] at random, half of them mirrored if ``mirror``."""
    drawn = to_tensor(images[random.integers(len(images), size=number)])
    mirrored = torch.from_numpy(random.random(number) < 0.5 * mirror)
    return torch.where(mirrored[:, None, None, None], drawn.flip(3), drawn)
