"""TIFF files too large for memory, denoised page by page and part by part from file to file.

An interrupted run can be taken up again. The result stands uncompressed in ``OUT.partial`` until it is whole, and
beside it, in ``OUT.partial.json``, what it is of and how many parts are done.
"""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import all_finite, check_image, planar
from pkn.io import large_tiff
from pkn.io.atomic import writable_target
from pkn.io.large_tiff import LargeTiff, Region, pixel_offsets
from pkn.io.partial_file import PartialFile
from pkn.nets import Predictor
from pkn.nets.map_net.tiling import Told, alignment, halo, tiles, widened
from pkn.restoration.arguments import check_strength, known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sampled_axes
from pkn.restoration.planes import denoise_planes, filter_planes, filtering_net, told_of
from pkn.version import __version__

PART = 4096  # pixels a side: its halo makes it dearer by 8 %
BAND = 512  # rows that are read at once to estimate the noise


class _Work(NamedTuple):
    """What each part is denoised by: told of a large page's noise by ``told``, of any other's by ``noise``."""

    source: LargeTiff
    network: Predictor
    strength: Any
    noise: Any
    told: list[Told]

    @property
    def parts(self) -> list[Region]:
        """Of each page."""
        side = PART if is_large(self.source) else max(self.source.size)
        return list(tiles(self.source.size, side, alignment(self.network)))


def denoise_large(
    source: LargeTiff,
    target: Path,
    net: str,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    resume: bool = False,
    callback: Callable[[float, float, Mapping[str, Any]], None] = lambda done, total, info: None,
) -> float | None:
    """Denoise ``source`` into the TIFF file ``target``: bit-identical to :func:`pkn.denoise` with ``dtype="same"``.

    Each page is denoised by itself. Memory is bounded by the part's size, or by a page of ``LARGE`` pixels.
    ``callback(parts done, parts in all, {})`` hears of each part. What is done is kept if the run is interrupted, not
    if it fails.

    Returns
    -------
    float or None
        The noise level, of several pages the mean; None of pages that aren't large, which keep theirs to themselves.

    Raises
    ------
    ValueError
        If there is nothing to resume, or of another image or setting; for values of large pages that are not finite.
    FileExistsError
        If there is a file ``OUT.partial`` or ``OUT.partial.json`` that no interrupted run left.
    OSError
        If the file can't be written.
    """
    network = filtering_net(net, 1 if source.like.channel_axis is None else 3)
    power, known = check_strength(strength), known_noise(sigma, noise)
    partial = PartialFile.of(writable_target(target))
    partial.check_names()
    told, content = survey(source, lambda sample: told_of(network, sample, known))
    with partial.writing(source.create_like, fingerprint(content, network, known, power), resume) as done:
        _denoise_parts(_Work(source, network, power, known, told), partial, done, callback)
    return fmean(page.level for page in told) if told else None


def is_large(source: LargeTiff) -> bool:
    """Whether one page alone is too large for memory."""
    return source.size[0] * source.size[1] > large_tiff.LARGE


def _denoise_parts(
    work: _Work, partial: PartialFile, done: int, callback: Callable[[float, float, Mapping[str, Any]], None]
) -> None:
    source, parts, offsets = work.source, work.parts, pixel_offsets(partial.path)
    total = source.count * len(parts)
    for number in range(done, total):
        callback(number, total, {})
        page, part = number // len(parts), parts[number % len(parts)]
        source.write(partial.path, offsets[page], part, _denoise_part(work, page, part))
        partial.note(number + 1)
    callback(total, total, {})


def _denoise_part(work: _Work, page: int, part: Region) -> np.ndarray:
    source, network, axis = work.source, work.network, work.source.like.channel_axis
    out = np.empty((*(side.stop - side.start for side in part), *source.shape[2:]), source.dtype)
    if not work.told:
        planes = planar(check_image(source.read(page, part), axis), axis)
        denoise_planes(planes, planar(out, axis), network, work.strength, work.noise)
        return out
    wide = widened(part, halo(network), source.size)
    planes = planar(source.read(page, wide), axis)
    if not all_finite(planes):
        raise ValueError("image has values that are not finite; expected none in so large an image")
    keep = (_within(part[0], wide[0]), _within(part[1], wide[1]))
    filter_planes(planes, planar(out, axis), network, work.strength, work.told[page], keep)
    return out


def _within(part: slice, wide: slice) -> slice:
    """Where a part lies in a wider one."""
    return slice(part.start - wide.start, part.stop - wide.start)


def survey(source: LargeTiff, tell: Callable[[np.ndarray], Told] | None = None) -> tuple[list[Told], str]:
    """What the network is told of each page, if they are large, and a hash of all pixels; the file is read once."""
    told, content, large = [], blake2b(), is_large(source)
    for page in range(source.count):
        sample = _sample(source, page, BAND if large else source.size[0], content)
        if large and tell:
            told.append(tell(sample))
    return told, content.hexdigest()


def _sample(source: LargeTiff, page: int, height: int, content: blake2b) -> np.ndarray:
    """Of a page, as :func:`pkn.restoration.noise_statistics.sample_of` has it; all its pixels go into ``content``."""
    (rows, columns), kept = sampled_axes(source.size), []
    for start in range(0, source.size[0], height):
        stop = min(start + height, source.size[0])
        band = source.read(page, (slice(start, stop), slice(0, source.size[1])))
        content.update(np.ascontiguousarray(band).data)
        inside = rows[(rows >= start) & (rows < stop)] - start
        kept.append(planar(band, source.like.channel_axis)[:, inside][:, :, columns])
    return np.concatenate(kept, axis=1)


def fingerprint(content: str, network: Predictor, noise: Any, strength: Any, *further: str) -> str:
    """A hash of all that the result depends on: pixels, weights, and settings."""
    known = (*noise.curve, noise.level) if isinstance(noise, NoiseProfile) else (repr(noise),)
    found = blake2b(repr([content, __version__, network.architecture, strength, PART, *further]).encode())
    for values in (*known, *(network.weights[name] for name in sorted(network.weights))):
        found.update(np.asarray(values).tobytes())
    return found.hexdigest()
