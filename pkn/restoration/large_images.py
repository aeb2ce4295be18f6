"""Images too large for memory, denoised part by part from file to file; an interrupted run can be taken up again.

The result stands uncompressed in ``OUT.partial`` until it is whole, and beside it, in ``OUT.partial.json``, what it is
of and how many parts are done.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pkn.filters.arrays import all_finite, planar
from pkn.io.atomic import atomic_path
from pkn.io.large_tiff import LargePage
from pkn.nets.map_net.tiling import halo, tiles, widened
from pkn.restoration.arguments import check_strength, known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sampled_axes
from pkn.restoration.planes import filter_planes, filtering_net, told_of

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

    Memory is bounded by the part's size. ``callback(parts done, parts in all, {})`` hears of each part.

    Returns
    -------
    float
        The noise level.

    Raises
    ------
    ValueError
        If there is nothing to resume, or of another image or setting; for values that are not finite.
    """
    axis = source.like.channel_axis
    network = filtering_net(net, 1 if axis is None else 3)
    size = source.shape[0], source.shape[1]
    power, known = check_strength(strength), known_noise(sigma, noise)
    told = told_of(network, _sample(source, size), known)
    settings = {
        "source": _identity(source),
        "net": net,
        "strength": list(power) if isinstance(power, tuple) else power,
        "sigma": sigma,
        "noise": told.level,
        "part": PART,
    }
    partial, notes = (target.with_name(target.name + end) for end in (".partial", ".partial.json"))
    state = _resumed(notes, settings) if resume else None
    if state is None:
        notes.unlink(missing_ok=True)  # of an older run: they'd say that parts of the empty file are done
        offset = source.create_like(partial)
        state = {"settings": settings, "offset": offset, "done": 0}
        _note(notes, state)
    parts, around = list(tiles(size, PART)), halo(network)
    for number in range(state["done"], len(parts)):
        callback(number, len(parts), {})
        part = parts[number]
        wide = widened(part, around, size)
        planes = planar(source.read(wide), axis)
        if not all_finite(planes):
            raise ValueError("image has values that are not finite; expected none in so large an image")
        keep = (_within(part[0], wide[0]), _within(part[1], wide[1]))
        with source.mapped(partial, state["offset"]) as out:
            filter_planes(planes, planar(out, axis)[:, *part], network, power, told, keep)
        state["done"] = number + 1
        _note(notes, state)
    callback(len(parts), len(parts), {})
    os.replace(partial, target)
    notes.unlink(missing_ok=True)
    return told.level


def _within(part: slice, wide: slice) -> slice:
    """Where a part lies in a wider one."""
    return slice(part.start - wide.start, part.stop - wide.start)


def _sample(source: LargePage, size: tuple[int, int]) -> np.ndarray:
    """Of the whole, as :func:`pkn.restoration.noise_statistics.sample_of` has it; the file is read once."""
    (rows, columns), kept = sampled_axes(size), []
    for start in range(0, size[0], BAND):
        stop = min(start + BAND, size[0])
        band = planar(source.read((slice(start, stop), slice(0, size[1]))), source.like.channel_axis)
        kept.append(band[:, rows[(rows >= start) & (rows < stop)] - start][:, :, columns])
    return np.concatenate(kept, axis=1)


def _note(notes: Path, state: dict[str, Any]) -> None:
    with atomic_path(notes) as temporary:
        temporary.write_text(json.dumps(state))


def _identity(source: LargePage) -> list[Any]:
    status = source.path.stat()
    return [source.path.name, status.st_size, status.st_mtime_ns]


def _resumed(notes: Path, settings: dict[str, Any]) -> dict[str, Any]:
    try:
        state = dict(json.loads(notes.read_text()))
    except (OSError, ValueError):
        raise ValueError(f"'{notes}' can't be read; expected it from an interrupted run, to resume") from None
    if state["settings"] != settings:
        raise ValueError(f"the interrupted run was of {state['settings']}; expected {settings}, to resume")
    return state
