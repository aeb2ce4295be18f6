"""The training loop of all networks: steps, checks, checkpoints, resuming. Subclasses define the steps."""

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

from pkn.sampling.batching import Callback, silent
from pkn.training.checkpoints import checkpoint_path, load_checkpoint, save_checkpoint

__all__ = ["Callback", "State", "TrainingRun", "silent", "uninterrupted"]

State = Mapping[str, Mapping[str, Tensor]]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT (Ctrl-C) and SIGTERM to the end of the block, and raise KeyboardInterrupt there.

    So a training step is either taken completely or not at all.
    """
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
    """A run that can be interrupted at any step and resumed, with a result that is bit-identical.

    On the same machine with as many threads: torch sums gradients in an order that depends on their number.

    Subclasses define how a step is taken (:meth:`_advance`), when and how the network is checked, and what is written.
    """

    plan: Any  # a dataclass of everything that determines the run
    config: Mapping[str, Any]  # of the network, as in the header of a weights file
    net: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(self) -> None:
        self.step, self.minutes = 0, 0.0

    def train(self, out: Path, total: float, done: Callable[[], float], callback: Callback = silent) -> None:
        """Take steps until ``done()`` reaches ``total``, then write the network to ``out``.

        The state is saved in the checkpoint of ``out`` after each check and after Ctrl-C or SIGTERM; the checkpoint is
        removed when the network is written.

        Parameters
        ----------
        out : Path
            Weights file.
        total : float
        done : callable
            ``done()`` is how much of ``total`` is done.
        callback : callable
            ``callback(done, total, info)`` is called after each step; ``info["step"]`` is its number, and what
            :meth:`_advance` and, after a check, :meth:`_check` return is added.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C or SIGTERM, when the state is saved.
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
        """Write a checkpoint: the whole state of the run."""
        facts = {"plan": asdict(self.plan), "step": self.step, **self._facts()}
        save_checkpoint(path, self.config, {"net": self.net.state_dict(), **self._state()}, self.optimiser, facts)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ValueError
            If the checkpoint is of another plan, or the file isn't a checkpoint.
        """
        facts, state = load_checkpoint(path, asdict(self.plan), self.optimiser)
        self.net.load_state_dict(state["net"])
        self.step = facts["step"]
        self._restore(facts, state)

    def _advance(self, left: float) -> Mapping[str, Any]:
        """Take a step, with the share ``left`` of the run to go; returns what is added to the info of the callback."""
        raise NotImplementedError

    def _check_is_due(self, finished: bool) -> bool:
        """Whether the network is to be checked after this step, which may have finished the run."""
        raise NotImplementedError

    def _check(self) -> Mapping[str, Any]:
        """Check the network; returns what is added to the info of the callback."""
        raise NotImplementedError

    def _state(self) -> State:
        """Tensors of the state other than those of the network and the optimiser."""
        raise NotImplementedError

    def _facts(self) -> Mapping[str, Any]:
        """The rest of the state, as JSON stores it."""
        raise NotImplementedError

    def _restore(self, facts: Mapping[str, Any], state: State) -> None:
        """Restore what ``_state`` and ``_facts`` returned."""
        raise NotImplementedError

    def _write(self, out: Path) -> None:
        """Write the trained network."""
        raise NotImplementedError
