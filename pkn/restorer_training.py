"""Training networks that predict clean images from degraded ones: the restorers of samplers."""

import time
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

import pkn
from pkn._files import atomic_path
from pkn.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint
from pkn.filters._numba import one_thread
from pkn.image_tensors import to_tensor
from pkn.nets._bias_free import BiasFreeNorm
from pkn.nets._weights import to_bytes

AVERAGED = 50  # steps whose mean loss is one point of the curve
LARGEST_GRADIENT = 1.0
SETTLING = 16  # batches

Objective = Callable[[nn.Module, Tensor, np.random.Generator], Tensor]


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


class RestorerTraining:
    """One run on images (N, H, W, C), uint8; ``objective(net, clean, random)`` is a loss for clean ones in [-1, 1]."""

    def __init__(
        self, plan: RestorerPlan, net: nn.Module, images: np.ndarray, objective: Objective, half: bool = False
    ) -> None:
        self.plan, self.images, self.objective, self.half = plan, images, objective, half
        self.pool = ThreadPoolExecutor(plan.parts)
        self.device = next(net.parameters()).device
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(net, multi_avg_fn=_averaging(plan.averaging))
        self.optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=plan.decay)
        self.step, self.minutes = 0, 0.0
        self.curve: list[tuple[int, float, float]] = []  # step, minutes, mean loss
        self._losses: list[float] = []

    def run(
        self,
        out: Path,
        minutes: float,
        steps: int | None = None,
        check_every: float = 5.0,
        told: Callable[["RestorerTraining", float | None], None] = lambda *_: None,
        cooling: float = 0.0,
    ) -> None:
        """Train until ``minutes`` (of all parts of the run) or ``steps`` are over, and write the averaged network.

        ``told(self, loss)`` hears of each step; with loss None every ``check_every`` minutes, after a checkpoint. The
        learning rate falls to 0 along a line over the last share ``cooling`` of the run.
        """
        checked = self.minutes
        try:
            while (left := self._share_left(minutes, steps)) > 0:
                start = time.monotonic()
                loss = self._advance(min(1.0, left / cooling) if cooling else 1.0)
                self.minutes += (time.monotonic() - start) / 60
                told(self, loss)
                if self.minutes - checked >= check_every:
                    checked = self.minutes
                    self._save(checkpoint_path(out))
                    told(self, None)
        except KeyboardInterrupt:
            self._save(checkpoint_path(out))
            raise
        self._settle()
        self._write(out)
        checkpoint_path(out).unlink(missing_ok=True)

    def _share_left(self, minutes: float, steps: int | None) -> float:
        return 1 - max(self.minutes / minutes, self.step / steps if steps else 0.0)

    def _advance(self, warmth: float) -> float:
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
        self.step += 1
        self._losses.append(loss)
        if len(self._losses) == AVERAGED:
            self.curve.append((self.step, round(self.minutes, 3), float(np.mean(self._losses))))
            self._losses.clear()
        return loss

    def _backward(self, clean: Tensor, random: np.random.Generator) -> float:
        """Add a part's share of the gradient; returns its share of the loss."""
        with one_thread() if self.plan.parts > 1 else nullcontext():
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
                loss = self.objective(self.net, clean, random) * (len(clean) / self.plan.batch)
            loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _settle(self) -> None:
        """Give bias-free norms of the averaged network deviations of its own: it has but those of the trained one.

        Without, CNNs of a few hundred steps left up to 3 dB more of the noise.
        """
        net = self.average.module
        norms = [part for part in net.modules() if isinstance(part, BiasFreeNorm)]
        random = np.random.default_rng(self.plan.seed)
        for number in range(1, SETTLING + 1 if norms else 1):
            for norm in norms:
                norm.momentum = 1 / number
            clean = draw_images(self.images, self.plan.batch, random, self.plan.mirror).to(self.device)
            with torch.no_grad():
                self.objective(net.train(), clean, random)

    @property
    def last_loss(self) -> float:
        """Mean over the last steps."""
        return float(np.mean(self._losses)) if self._losses else self.curve[-1][2]

    def _write(self, out: Path) -> None:
        about = {**self._about(), "pkn": pkn.__version__, "images": len(self.images)}
        state = self.average.module.state_dict()
        # float16 is accurate enough to compute with in float32, and half the size
        arrays = {name: values.detach().cpu().numpy().astype(np.float16) for name, values in state.items()}
        with atomic_path(out) as temporary:
            temporary.write_bytes(to_bytes(self.plan.network, arrays, about))

    def _save(self, path: Path) -> None:
        parts: dict[str, Mapping[str, Tensor]] = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "losses": {"recent": torch.tensor(self._losses)},
        }
        save_checkpoint(path, self.plan.network, parts, self.optimiser, self._about())

    def _about(self) -> dict[str, Any]:
        return {"plan": asdict(self.plan), "step": self.step, "minutes": self.minutes, "curve": self.curve}

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ValueError
            If it is of another plan, or no checkpoint.
        """
        about, parts = load_checkpoint(path, asdict(self.plan), self.optimiser)
        self.net.load_state_dict(parts["net"])
        self.average.load_state_dict(parts["average"])
        self._losses = parts["losses"]["recent"].tolist()
        self.step, self.minutes = about["step"], about["minutes"]
        self.curve = [(step, minutes, loss) for step, minutes, loss in about["curve"]]


def _averaging(decay: float) -> Callable[..., None]:
    """A moving average that begins as the mean of few."""

    def update(averaged: Any, current: Any, count: Tensor) -> None:
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + float(count)) / (10 + float(count))))

    return update


def draw_images(images: np.ndarray, number: int, random: np.random.Generator, mirror: bool) -> Tensor:
    """Images (number, C, H, W) in [-1, 1] at random, half of them mirrored if ``mirror``."""
    drawn = to_tensor(images[random.integers(len(images), size=number)])
    mirrored = torch.from_numpy(random.random(number) < 0.5 * mirror)
    return torch.where(mirrored[:, None, None, None], drawn.flip(3), drawn)
