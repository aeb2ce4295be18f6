"""``python -m attack``: random calls, damaged files, killed and full writers, and a table of what came of them."""

import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from attack.calls import one_call
from attack.writers import Writers

PATIENCE = 20.0  # seconds for a damaged file
SHARES = {"calls": 0.6, "files": 0.2, "killed": 0.12, "full": 0.08}  # of the time
SHOWN = 20  # failures


class Attack:
    """Counts of cases and failures by kind."""

    def __init__(self, seed: int) -> None:
        self.seed, self.cases, self.failures = seed, Counter[str](), list[str]()

    def note(self, kind: str, failure: str | None, number: int) -> None:
        """Count a case, and print a failure with what makes it again."""
        self.cases[kind] += 1
        if failure:
            self.failures.append(f"{kind} {number} (seed {self.seed}): {failure}")
            click.echo(self.failures[-1], err=True)

    def calls(self, until: float) -> None:
        """Random calls."""
        number = 0
        while time.monotonic() < until:
            failure, name = None, "a call"
            try:
                name = one_call(self.seed, number)
            except Exception as error:
                failure = f"{type(error).__name__}: {error}"
            self.note(f"calls: {name}", failure, number)
            number += 1

    def files(self, until: float) -> None:
        """Damaged files, read by a process that may be lost."""
        number = 0
        while time.monotonic() < until:
            with tempfile.TemporaryDirectory() as folder:
                number = self._files(number, until, Path(folder)) + 1

    def _files(self, first: int, until: float, folder: Path) -> int:
        command = [sys.executable, "-m", "attack.files", str(self.seed), str(first), str(folder)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(
            target=lambda: [lines.put(line) for line in process.stdout or ()] and None, daemon=True
        ).start()
        number, name = first, ""
        try:
            while time.monotonic() < until:
                try:
                    number, name, outcome = json.loads(lines.get(timeout=PATIENCE if name else 4 * PATIENCE))
                except queue.Empty:
                    ended = "was ended" if process.poll() is not None else f"took more than {PATIENCE:g} s"
                    self.note(f"files: {Path(name).suffix}", f"{name}: the reader {ended}", number)
                    return number
                if outcome != "begun":
                    clear = outcome in ("read", "refused")
                    self.note(f"files: {Path(name).suffix}", None if clear else f"{name}: {outcome}", number)
            return number
        finally:
            process.kill()
            process.wait()

    def writers(self, kind: str, until: float) -> None:
        """Killed runs, or full disks."""
        with tempfile.TemporaryDirectory() as folder:
            writers, number = Writers(Path(folder)), 0
            while time.monotonic() < until:
                random = np.random.default_rng((self.seed, number))
                self.note(f"writers: {kind}", getattr(writers, kind)(random), number)
                number += 1


@click.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(minutes: float, seed: int) -> None:
    """Attack the library for so many minutes; exit code 1 if anything but results and clear errors came."""
    attack = Attack(seed)
    for part, share in SHARES.items():
        until = time.monotonic() + 60 * minutes * share
        if part in ("killed", "full"):
            attack.writers(part, until)
        else:
            getattr(attack, part)(until)
    failed = Counter(failure.split(" (seed")[0].rsplit(" ", 1)[0] for failure in attack.failures)
    click.echo("| attack | cases | failures |\n|---|---|---|")
    for kind, number in sorted(attack.cases.items()):
        click.echo(f"| {kind} | {number:,} | {failed[kind]} |")
    click.echo(f"| all | {sum(attack.cases.values()):,} | {len(attack.failures)} |")
    for failure in attack.failures[:SHOWN]:
        click.echo(failure, err=True)
    sys.exit(1 if attack.failures else 0)


if __name__ == "__main__":
    main()
