"""A run that trains a network of maps: the learning rate, checks, the best network so far, and what its file says."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.io.atomic import atomic_path
from pkn.nets import MapNet
from pkn.nets.map_net.network import weights_of
from pkn.nets.weights import to_bytes, to_config
from pkn.training.loop import Callback, State, TrainingRun, silent
from pkn.version import __version__

CHECKS = 12  # validations in a run
LARGEST_GRADIENT = 0.05  # norm at which gradients are clipped; about the typical one


class MapNetRun(TrainingRun):
    """A run for the steps of a plan, which also has the largest learning ``rate`` and what to ``start`` from.

    The rate warms up over 2 % of the steps and falls to 0 along a cosine. Subclasses define a step's loss and how the
    network is validated.
    """

    net: MapNet

    def __init__(self, plan: Any, net: MapNet) -> None:
        super().__init__()
        self.plan, self.net, self.config = plan, net, to_config(net.architecture)
        self.optimiser = torch.optim.Adam(net.parameters(), lr=plan.rate)
        self.history: list[dict[str, Any]] = []
        self.best: tuple[float, dict[str, Tensor]] | None = None

    def run(self, out: Path, callback: Callback = silent) -> None:
        """Train for the steps of the plan and write the best network to ``out``.

        ``callback(steps done, all steps, info)`` is called after each step; after a validation, ``info["psnr"]`` has
        the mean PSNR, dB, at each check.
        """
        self.train(out, self.plan.steps, lambda: self.step, callback)

    def _loss(self) -> Tensor:
        """Of this step."""
        raise NotImplementedError

    def _psnr(self) -> dict[str, float]:
        """Mean PSNR, dB, at each check, with fixed noise."""
        raise NotImplementedError

    def _score(self, psnr: Mapping[str, float]) -> float:
        """By which the best network is chosen."""
        return float(np.mean(list(psnr.values())))

    def _about(self) -> dict[str, Any]:
        """What the file says beside the plan and the figures."""
        return {}

    def _advance(self, left: float) -> Mapping[str, Any]:
        part = self.step / self.plan.steps
        rate = self.plan.rate * min(1.0, part / 0.02 + 0.01) * 0.5 * (1 + np.cos(np.pi * part))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        return {}

    def _check_is_due(self, finished: bool) -> bool:
        return finished or self.step in {round(self.plan.steps * (k + 1) / CHECKS) for k in range(CHECKS)}

    def _check(self) -> Mapping[str, Any]:
        psnr = self._psnr()
        self.history.append({"step": self.step, "psnr": psnr})
        score = self._score(psnr)
        if self.best is None or score > self.best[0]:
            self.best = (score, {name: values.detach().clone() for name, values in self.net.state_dict().items()})
        return {"psnr": psnr}

    def _state(self) -> State:
        return {} if self.best is None else {"best": self.best[1]}

    def _facts(self) -> Mapping[str, Any]:
        return {"best": None if self.best is None else self.best[0], "history": self.history}

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        self.history = facts["history"]
        self.best = None if facts["best"] is None else (facts["best"], dict(state["best"]))

    def _write(self, out: Path) -> None:
        assert self.best is not None
        self.net.load_state_dict(self.best[1])
        best = max(self.history, key=lambda check: self._score(check["psnr"]))
        about = {
            "pkn": __version__,
            "plan": {**asdict(self.plan), "start": Path(self.plan.start).name},
            **self._about(),
            "parameters": sum(p.numel() for p in self.net.parameters()),
            "best": {**best, "psnr": {name: round(v, 3) for name, v in best["psnr"].items()}},
        }
        with atomic_path(out) as temporary:
            temporary.write_bytes(to_bytes(self.config, weights_of(self.net), about))
