"""A file that is written for hours: unfinished it stands in ``OUT.partial``, and ``OUT.partial.json`` has notes on it.

The notes say what the result is of, and how many parts are done; so an interrupted run can be taken up again.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pkn.io.atomic import atomic_path


class PartialFile(NamedTuple):
    """The unfinished result, and notes on it."""

    target: Path
    path: Path
    notes: Path

    @classmethod
    def of(cls, target: Path) -> "PartialFile":
        return cls(target, *(target.with_name(target.name + end) for end in (".partial", ".partial.json")))

    def state(self) -> dict[str, Any] | None:
        """What an interrupted run noted, or None."""
        try:
            state = json.loads(self.notes.read_text())
            return state if {"run", "size", "done"} <= state.keys() else None
        except (OSError, ValueError, AttributeError):
            return None

    def check_names(self) -> None:
        """Raise if a file with one of the names is somebody else's."""
        for path in (self.path, self.notes):
            if os.path.lexists(path) and self.state() is None:
                raise FileExistsError(f"'{path}' exists, and no interrupted run left it; expected no such file")

    @contextmanager
    def writing(self, create: Callable[[Path], None], run: str, resume: bool) -> Iterator[int]:
        """Begin or resume; gives how many parts are done. The result is moved to its place at the end.

        What is done is kept if the run is interrupted, which is no Exception, not if it fails.
        """
        if resume:
            done = self.resumed(run)
        else:
            self.remove()
            done = 0
            self.begin(create, run)
        try:
            yield done
        except Exception:
            self.remove()
            raise
        self.finish()

    def begin(self, create: Callable[[Path], None], run: str) -> None:
        """Make the empty file by ``create(path)``; ``run`` says what the result depends on."""
        try:
            # Notes first: a file that has none is somebody else's.
            self._write({"run": run, "size": 0, "done": 0})
            create(self.path)
            self._write({"run": run, "size": self.path.stat().st_size, "done": 0})
        except Exception:
            self.remove()
            raise

    def resumed(self, run: str) -> int:
        """How many parts are done."""
        state = self.state()
        if state is None or not self.path.exists():
            raise ValueError(f"'{self.notes}' can't be read; expected it from an interrupted run, to resume")
        if state["run"] != run:
            raise ValueError(f"'{self.path}' is of another image, network or setting; expected the same, to resume")
        if (came := self.path.stat().st_size) != state["size"] or not came:
            raise ValueError(f"'{self.path}' has {came} bytes; expected {state['size']}, to resume")
        return int(state["done"])

    def note(self, done: int) -> None:
        """Note that so many parts are done."""
        state = self.state()
        assert state is not None
        self._write({**state, "done": done})

    def finish(self) -> None:
        """Move the whole result to its place, with the permissions of the file that it replaces."""
        if self.target.exists():
            self.path.chmod(self.target.stat().st_mode & 0o777)
        os.replace(self.path, self.target)
        self.notes.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def _write(self, state: dict[str, Any]) -> None:
        with atomic_path(self.notes) as temporary:
            temporary.write_text(json.dumps(state))
