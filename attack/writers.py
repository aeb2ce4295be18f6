"""Writers of large files that are killed, or whose disk is full: a file is whole or not there, and a run is resumed."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

PROGRAM = """
import sys
import resource
limit, *arguments = sys.argv[1:]
from pkn.cli import main
from pkn.io import large_tiff
from pkn.restoration import large_images
large_tiff.LARGE, large_images.PART = 1000, 96
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
main(["denoise", *arguments, "--net", "isotropic-gaussian"])
"""
SIZE = (700, 900)


class Writers:
    """A large TIFF, and what denoising it gives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.source = folder, folder / "in.tif"
        tifffile.imwrite(self.source, np.random.default_rng(0).integers(0, 255, SIZE, np.uint8))
        begin = time.monotonic()
        self._run(folder / "wanted.tif").wait()
        self.seconds = time.monotonic() - begin
        self.wanted = (folder / "wanted.tif").read_bytes()

    def killed(self, random: np.random.Generator) -> str | None:
        """Kill a run at a random moment, and begin again or resume; what is wrong, or None."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            target = Path(place) / "out.tif"
            process = self._run(target)
            time.sleep(random.uniform(0.5, 1) * self.seconds)
            process.kill()
            process.wait()
            if target.exists() and target.read_bytes() != self.wanted:
                return "a killed run left a part of a result"
            if target.exists():
                return None
            resumable = (Path(place) / "out.tif.partial.json").exists() and random.random() < 0.7
            again = self._run(target, *(["--resume"] if resumable else []))
            words = again.communicate()[1]
            if again.returncode and resumable:  # killed before there was anything to go on with
                again = self._run(target)
                words = again.communicate()[1]
            if again.returncode or target.read_bytes() != self.wanted:
                return f"after a killed run: {words}"
            left = sorted(path.name for path in Path(place).iterdir() if not path.name.startswith(".pkn-"))
            return None if left == ["out.tif"] else f"left behind: {left}"

    def full(self, random: np.random.Generator) -> str | None:
        """Run out of space at a random size; what is wrong, or None."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            target, limit = Path(place) / "out.tif", int(random.uniform(100, 1.1 * len(self.wanted)))
            process = self._run(target, limit=limit)
            words = process.communicate()[1]
            left = sorted(path.name for path in Path(place).iterdir())
            if process.returncode == 0:
                return None if left == ["out.tif"] and target.read_bytes() == self.wanted else f"{left} and exit code 0"
            if left or "Traceback" in words or process.returncode != 1:
                return f"{left}, exit code {process.returncode}: {words[-300:]}"
            return None

    def _run(self, target: Path, *further: str, limit: int = 0) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", PROGRAM, str(limit), str(self.source), str(target), *further]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
