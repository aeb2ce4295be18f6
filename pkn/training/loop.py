"""The one training loop: steps, checks, checkpoints, resuming. What is trained, and by what, its subclasses say."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pkn.training.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint

Callback = Callable[[float, float, Mapping[str, Any]], None]
State = Mapping[str, Mapping[str, Tensor]]


def silent(done: float, total: float, info: Mapping[str, Any]) -> None:
    """The callback of a run that nobody watches."""


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the block is over, and are a KeyboardInterrupt then: a step is whole or none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, lambda number, frame: caught.append(number)) for name in names]
    try:
        yield
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)
    if caught:
        raise KeyboardInterrupt


class TrainingRun:
    """A run that can be interrupted at any step and taken up again, with the same result bit for bit.

    Subclasses say how a step is taken (:meth:`_advance`), when and how the network is checked, and what is written.
    """

    plan: Any  # a dataclass: everything that decides the run
    config: Mapping[str, Any]  # of the network, as in the header of a weights file
    net: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(self) -> None:
        self.step, self.minutes = 0, 0.0

    def train(self, out: Path, total: float, done: Callable[[], float], callback: Callback = silent) -> None:
        """Take steps until ``done()`` reaches ``total``, and write the network to ``out``.

        The state stands in ``out``'s checkpoint after each check and after Ctrl-C or a SIGTERM, until all is done.
        ``callback(done, total, info)`` hears of every step; ``info`` has its number, "step", what :meth:`_advance` says
        of it and, after a check, what the check says.
        """
        try:
            while done() < total:
                with uninterrupted():
                    start = time.monotonic()
                    info = {**self._advance(1 - done() / total)}
                    self.step += 1
                    self.minutes += (time.monotonic() - start) / 60
                if self._check_is_due(finished=done() >= total):
                    info |= self._check()
                    self.save(checkpoint_path(out))
                callback(done(), total, {"step": self.step, **info})
        except KeyboardInterrupt:
            self.save(checkpoint_path(out))
            raise
        self._write(out)
        checkpoint_path(out).unlink(missing_ok=True)

    def save(self, path: Path) -> None:
        """Write the whole state."""
        facts = {"plan": asdict(self.plan), "step": self.step, **self._facts()}
        save_checkpoint(path, self.config, {"net": self.net.state_dict(), **self._state()}, self.optimiser, facts)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ValueError
            If it is of another plan, or no checkpoint.
        """
        facts, state = load_checkpoint(path, asdict(self.plan), self.optimiser)
        self.net.load_state_dict(state["net"])
        self.step = facts["step"]
        self._restore(facts, state)

    def _advance(self, left: float) -> Mapping[str, Any]:
        """Take a step, with that share of the run left; what is to be said of it."""
        raise NotImplementedError

    def _check_is_due(self, finished: bool) -> bool:
        raise NotImplementedError

    def _check(self) -> Mapping[str, Any]:
        raise NotImplementedError

    def _state(self) -> State:
        """Tensors beside the network's and the optimiser's that a checkpoint holds."""
        raise NotImplementedError

    def _facts(self) -> Mapping[str, Any]:
        """The rest of the state, as JSON reads it."""
        raise NotImplementedError

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        """Take back what ``_state`` and ``_facts`` gave."""
        raise NotImplementedError

    def _write(self, out: Path) -> None:
        raise NotImplementedError
