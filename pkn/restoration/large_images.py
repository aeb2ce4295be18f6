"""Images too large for memory, denoised part by part from file to file; an interrupted run can be taken up again.

The result stands uncompressed in ``OUT.partial`` until it is whole, and beside it, in ``OUT.partial.json``, what it is
of and how many parts are done.
"""

import json
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import all_finite, planar
from pkn.io.atomic import atomic_path, writable_target
from pkn.io.large_tiff import LargePage
from pkn.nets import Predictor
from pkn.nets.map_net.tiling import Told, alignment, halo, tiles, widened
from pkn.restoration.arguments import check_strength, known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sampled_axes
from pkn.restoration.planes import filter_planes, filtering_net, told_of
from pkn.version import __version__

PART = 4096  # pixels a side: its halo makes it dearer by 8 %
BAND = 512  # rows that are read at once to estimate the noise


def denoise_large(
    source: LargePage,
    target: Path,
    net: str,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    resume: bool = False,
    callback: Callable[[float, float, Mapping[str, Any]], None] = lambda done, total, info: None,
) -> float:
    """Denoise ``source`` into the TIFF file ``target``: bit-identical to :func:`pkn.denoise` with ``dtype="same"``.

    Memory is bounded by the part's size. ``callback(parts done, parts in all, {})`` hears of each part. What is done is
    kept if the run is interrupted, not if it fails.

    Returns
    -------
    float
        The noise level.

    Raises
    ------
    ValueError
        If there is nothing to resume, or of another image or setting; for values that are not finite.
    FileExistsError
        If there is a file ``OUT.partial`` or ``OUT.partial.json`` that no interrupted run left.
    OSError
        If the file can't be written.
    """
    axis = source.like.channel_axis
    network = filtering_net(net, 1 if axis is None else 3)
    power, known = check_strength(strength), known_noise(sigma, noise)
    partial = _Partial.of(writable_target(target))
    partial.check_names()
    sample, content = _sample(source)
    told = told_of(network, sample, known)
    run = _fingerprint(content, network, told, power)
    if resume:
        done, offset = partial.resumed(run)
    else:
        partial.remove()
        done, offset = 0, partial.begin(source, run)
    try:
        _denoise_parts(source, network, power, told, partial, (done, offset), callback)
    except Exception:  # an interrupted run, which is no Exception, may be resumed
        partial.remove()
        raise
    partial.finish()
    return told.level


def _denoise_parts(
    source: LargePage,
    network: Predictor,
    strength: Any,
    told: Told,
    partial: "_Partial",
    begun: tuple[int, int],
    callback: Callable[[float, float, Mapping[str, Any]], None],
) -> None:
    axis, size = source.like.channel_axis, (source.shape[0], source.shape[1])
    parts, around = list(tiles(size, PART, alignment(network))), halo(network)
    done, offset = begun
    for number in range(done, len(parts)):
        callback(number, len(parts), {})
        part = parts[number]
        wide = widened(part, around, size)
        planes = planar(source.read(wide), axis)
        if not all_finite(planes):
            raise ValueError("image has values that are not finite; expected none in so large an image")
        keep = (_within(part[0], wide[0]), _within(part[1], wide[1]))
        out = np.empty((*(side.stop - side.start for side in part), *source.shape[2:]), source.dtype)
        filter_planes(planes, planar(out, axis), network, strength, told, keep)
        source.write(partial.path, offset, part, out)
        partial.note(number + 1)
    callback(len(parts), len(parts), {})


def _within(part: slice, wide: slice) -> slice:
    """Where a part lies in a wider one."""
    return slice(part.start - wide.start, part.stop - wide.start)


def _sample(source: LargePage) -> tuple[np.ndarray, str]:
    """Of the whole, as :func:`pkn.restoration.noise_statistics.sample_of` has it; and a hash of all pixels.

    The file is read once.
    """
    (rows, columns), kept, content = sampled_axes((source.shape[0], source.shape[1])), [], blake2b()
    for start in range(0, source.shape[0], BAND):
        stop = min(start + BAND, source.shape[0])
        band = source.read((slice(start, stop), slice(0, source.shape[1])))
        content.update(band.tobytes())
        inside = rows[(rows >= start) & (rows < stop)] - start
        kept.append(planar(band, source.like.channel_axis)[:, inside][:, :, columns])
    return np.concatenate(kept, axis=1), content.hexdigest()


def _fingerprint(content: str, network: Predictor, told: Told, strength: Any) -> str:
    """A hash of all that the result depends on: pixels, weights, what the network is told, and settings."""
    told_arrays = told.noise if isinstance(told.noise, tuple) else (told.noise,)
    facts = [content, __version__, network.architecture, told.span, strength, PART]
    found = blake2b(repr(facts).encode())
    for values in (*told_arrays, *(network.weights[name] for name in sorted(network.weights))):
        found.update(np.asarray(values).tobytes())
    return found.hexdigest()


class _Partial(NamedTuple):
    """The unfinished result, and notes on it."""

    target: Path
    path: Path
    notes: Path

    @classmethod
    def of(cls, target: Path) -> "_Partial":
        return cls(target, *(target.with_name(target.name + end) for end in (".partial", ".partial.json")))

    def state(self) -> dict[str, Any] | None:
        """What an interrupted run noted, or None."""
        try:
            state = json.loads(self.notes.read_text())
            return state if {"run", "size", "offset", "done"} <= state.keys() else None
        except (OSError, ValueError, AttributeError):
            return None

    def check_names(self) -> None:
        """Raise if a file with one of the names is somebody else's."""
        for path in (self.path, self.notes):
            if os.path.lexists(path) and self.state() is None:
                raise FileExistsError(f"'{path}' exists, and no interrupted run left it; expected no such file")

    def begin(self, source: LargePage, run: str) -> int:
        """Make the empty file; where its pixels begin."""
        try:
            # Notes first: a file that has none is somebody else's.
            self._write({"run": run, "size": 0, "offset": 0, "done": 0})
            offset = source.create_like(self.path)
            self._write({"run": run, "size": self.path.stat().st_size, "offset": offset, "done": 0})
        except Exception:
            self.remove()
            raise
        return offset

    def resumed(self, run: str) -> tuple[int, int]:
        """How many parts are done, and where the pixels begin."""
        state = self.state()
        if state is None or not self.path.exists():
            raise ValueError(f"'{self.notes}' can't be read; expected it from an interrupted run, to resume")
        if state["run"] != run:
            raise ValueError(f"'{self.path}' is of another image, network or setting; expected the same, to resume")
        if (came := self.path.stat().st_size) != state["size"] or not came:
            raise ValueError(f"'{self.path}' has {came} bytes; expected {state['size']}, to resume")
        return int(state["done"]), int(state["offset"])

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
