"""Training restorers: networks that predict clean images from degraded ones, for samplers."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from pkn.nets.bfloat16 import half_precision
from pkn.nets.models.bias_free_cnn import BiasFreeNorm
from pkn.nets.models.int8 import pack
from pkn.nets.registry import build_restorer, restorer_with
from pkn.nets.weights import read_header, read_tensors, to_bytes
from pkn.training.checkpoints import LARGEST_CHECKPOINT
from pkn.training.loop import Callback, State, TrainingRun, silent
from pkn.training.objectives import Objective
from pkn.version import __version__

CURVE_STEPS = 50  # whose mean loss is one point of the curve
LARGEST_GRADIENT = 1.0
AVERAGE = "average.module."  # prefix of the averaged weights in a checkpoint
NORM_BATCHES = 16  # from which the statistics of norms are taken
LARGEST_PROFILE = 0.28  # as a share of the run; the uniform average has 0.289


@dataclass(frozen=True)
class RestorerPlan:
    """What determines a run, except for its length: a run can be resumed and made longer.

    Parameters
    ----------
    network : dict
        Architecture, as in the header of a weights file.
    objective : dict
        What is minimised, for the record.
    data : str
        Name of the images, for the record.
    start : str, optional
        Name of the file with the initial weights.
    seed : int
    batch : int
        Images in a step.
    parts : int
        Parts of a batch that are processed at the same time. On a CPU, one part for each core with torch on one thread
        is faster than torch on all cores. The gradient's rounding depends on the number of parts, and for three or more
        on the order in which they finish.
    rate : float
        Learning rate of AdamW, after a linear rise over ``warm_up`` steps.
    decay : float
        Weight decay.
    warm_up : int
        Steps in which the learning rate rises.
    mirror : bool
        Whether half of the images are mirrored.
    averaging : float
        Decay of the exponential moving average of the weights; the averaged network is the result.
    profile : float, optional
        If given, the average is weighted by a power of the step instead, and this is its width as a share of the run,
        whatever its length (Karras et al. 2023, arXiv 2312.02696, section 3).

    Examples
    --------
    >>> from pkn.nets.models.unet import UNet, UNetSettings
    >>> from pkn.nets.registry import to_config
    >>> net = UNet(UNetSettings(12, 1, width=8, multipliers=(1, 2), expansion=1, window=3, heads=0))
    >>> plan = RestorerPlan(to_config(net), {"error": "squared"}, "digits", batch=16)
    >>> plan.network["network"], plan.batch, plan.rate
    ('UNet', 16, 0.0003)
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
    """A run, with checkpoints and an averaged network.

    Parameters
    ----------
    plan : RestorerPlan
    net : torch.nn.Module
    images : ndarray of shape (N, H, W, C), uint8
    objective : callable
        ``objective(net, clean, random)`` is the loss for clean images (N, C, H, W) in [-1, 1].
    half : bool
        Whether the network computes in bfloat16 where that is safe.
    """

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
        """Train, then write the averaged network.

        Parameters
        ----------
        out : Path
            Weights file.
        minutes : float
            Length of the run; those before it was resumed count.
        steps : int, optional
            Length of the run in steps, if that comes first.
        check_every : float
            Minutes between checkpoints.
        callback : callable
            ``callback(share of the run, 1, info)`` is called after each step; ``info["loss"]`` is its loss. After a
            checkpoint ``info["curve"]`` has (step, minutes, mean loss) of the run so far.
        cooling : float
            Share of the run at the end of which the learning rate falls linearly to 0.
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
        if len(self._losses) == CURVE_STEPS:
            self.curve.append((self.step + 1, round(self.minutes, 3), float(np.mean(self._losses))))
            self._losses.clear()
        return {"loss": loss}

    def _backward(self, clean: Tensor, random: np.random.Generator) -> float:
        """Add the gradient of a part of the batch; returns its share of the loss."""
        with one_thread():  # a core for each part
            with half_precision(self.device.type, self.half):
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
        """Mean loss of the last steps."""
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
        about |= {"pkn": __version__, "images": len(self.images), "size": [*self.images.shape[1:3]]}
        state = self.average.module.state_dict()
        # float16 is accurate enough to compute with in float32, and half the size
        arrays = {name: values.detach().cpu().numpy().astype(np.float16) for name, values in state.items()}
        with atomic_path(out) as temporary:
            temporary.write_bytes(to_bytes(self.config, arrays, about))

    def _update_norm_statistics(self) -> None:
        """Estimate the running deviations of bias-free norms for the averaged weights.

        The averaged network has those of the trained network. With these, CNNs of a few hundred steps left up to 3 dB
        more of the noise.
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


def export_weights(source: Path, target: Path, int8: bool = False, guiding: Path | None = None) -> None:
    """Write the averaged network of a checkpoint, or the network of a weights file, as a weights file.

    Parameters
    ----------
    source : path
        A checkpoint, at any step of the run, or a weights file.
    target : path
        Weights file.
    int8 : bool
        Whether weights are stored in int8, see :func:`pkn.nets.models.int8.pack`; else in float16.
    guiding : path, optional
        The same of a worse network, which becomes the guiding one of ``source``'s.

    Raises
    ------
    ValueError
        If ``source`` is neither, or a guiding network is of another kind, or for other images.
    """
    architecture, arrays, about = _averaged(source)
    if guiding is not None:
        worse, its_arrays, its_about = _averaged(guiding)
        kinds = architecture["network"], worse.pop("network")
        if kinds != ("KernelPredictingNet",) * 2:
            raise ValueError(f"networks are {' and '.join(kinds)}; expected KernelPredictingNet for both")
        architecture = architecture | {"guiding": worse | {"guiding": None}}
        about = about | {"guiding": its_about}
        arrays = _unguided(arrays) | {f"guiding.{name}": values for name, values in _unguided(its_arrays).items()}
        build_restorer(architecture)  # refuses what doesn't fit
    packed = pack(arrays) if int8 else {name: values.astype(np.float16) for name, values in arrays.items()}
    with atomic_path(target) as temporary:
        temporary.write_bytes(to_bytes(architecture, packed, about))


def _unguided(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values for name, values in arrays.items() if not name.startswith("guiding.")}


def _averaged(source: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Any]]:
    """Architecture, averaged weights, and how they were made, of a checkpoint or a weights file."""
    header, tensors = read_header(source), read_tensors(source, LARGEST_CHECKPOINT)
    average = {name.removeprefix(AVERAGE): values for name, values in tensors.items() if name.startswith(AVERAGE)}
    state = restorer_with(source, header["architecture"], average or tensors).state_dict()
    return header["architecture"], {name: values.numpy() for name, values in state.items()}, header["about"]


def _averaging(plan: RestorerPlan) -> Callable[..., None]:
    """The update of averaged weights: exponential, with a shorter memory at first, or by a power of the step."""
    power = None if plan.profile is None else power_of_profile(plan.profile)

    def update(averaged: Any, current: Any, count: Tensor) -> None:
        if power is None:
            kept = min(plan.averaging, (1 + float(count)) / (10 + float(count)))
        else:
            kept = (1 - 1 / (1 + float(count))) ** (power + 1)
        torch._foreach_lerp_(averaged, current, 1 - kept)

    return update


def power_of_profile(width: float) -> float:
    """The power g for which weights t^g over the run have a standard deviation of ``width`` times its length.

    The deviation of t^g on [0, 1] is sqrt(g + 1) / ((g + 2) sqrt(g + 3)) (Karras et al. 2023, arXiv 2312.02696).

    Raises
    ------
    ValueError
        If there is no such power above 0.

    Examples
    --------
    >>> round(power_of_profile(0.1), 2)
    6.94
    """
    if not 0 < width < LARGEST_PROFILE:
        raise ValueError(f"profile is {width}; expected a number between 0 and {LARGEST_PROFILE}")
    return float(np.roots([1, 7, 16 - width**-2, 12 - width**-2]).real.max())


def draw_images(images: np.ndarray, number: int, random: np.random.Generator, mirror: bool) -> Tensor:
    """Draw images (number, C, H, W) in [-1, 1], half of them mirrored if ``mirror``."""
    drawn = to_tensor(images[random.integers(len(images), size=number)])
    mirrored = torch.from_numpy(random.random(number) < 0.5 * mirror)
    return torch.where(mirrored[:, None, None, None], drawn.flip(3), drawn)
