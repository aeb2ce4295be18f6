"""TIFF stacks larger than memory along depth or time: page by page from file to file, in the memory of a few pages."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pkn.io.atomic import writable_target
from pkn.io.large_tiff import LargeTiff, pixel_offsets
from pkn.io.partial_file import PartialFile
from pkn.restoration.arguments import check_strength, known_noise
from pkn.restoration.large_images import fingerprint, survey
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.page_stacks import series_in_file
from pkn.restoration.sequences import Series
from pkn.restoration.series import denoise_images, network_of, start_for


def denoise_large_series(
    source: LargeTiff,
    target: Path,
    series: Series,
    net: Any,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    resume: bool = False,
    callback: Callable[[float, float, Mapping[str, Any]], None] = lambda done, total, info: None,
) -> None:
    """Denoise the pages of ``source`` together: bit-identical to :func:`pkn.denoise` with ``dtype="same"``.

    What is done is kept if the run is interrupted. A resumed one begins some pages earlier, as many as the next result
    depends on.

    Parameters
    ----------
    source : LargeTiff
    target : Path
    series, net, strength, sigma, noise
        As in :func:`pkn.restoration.page_stacks.denoise_pages`.
    resume, callback
        As in :func:`pkn.restoration.large_images.denoise_large`, of pages.

    Raises
    ------
    ValueError
        If there is nothing to resume, or of another image or setting; for values that are not finite, and pages that
        can't be taken together.
    FileExistsError, OSError
        As in :func:`pkn.restoration.large_images.denoise_large`.
    """
    series, along = series_in_file(source.like, source.count, series)
    network = network_of(series, net, 1 if source.like.channel_axis is None else 3)
    power, known = check_strength(strength), known_noise(sigma, noise)
    partial = PartialFile.of(writable_target(target))
    partial.check_names()
    _, content = survey(source)
    run = fingerprint(content, network, known, power, repr(series))
    settings = {"strength": power, "noise": known, "dtype": "same"}
    with partial.writing(source.create_like, run, resume) as done:
        offsets = pixel_offsets(partial.path)
        callback(done, source.count, {})
        for page, result in _results(source, along, done, series, network, settings):
            source.write(partial.path, offsets[page], _whole(source), result)
            done += 1
            partial.note(done)
            callback(done, source.count, {})


def _results(
    source: LargeTiff, along: list[list[int]], done: int, series: Series, network: Any, settings: dict[str, Any]
) -> Iterator[tuple[int, np.ndarray]]:
    """Numbers and results of the pages that are left, one series after the other."""
    for pages in along:
        if done >= len(pages):
            done -= len(pages)
            continue
        start = start_for(done, series, network)
        read = (source.read(page, _whole(source)) for page in pages[start:])
        origin = source.read(pages[0], _whole(source))
        results = denoise_images(read, series, network, source.like.channel_axis, origin=origin, **settings)
        yield from zip(pages[done:], islice(results, done - start, None), strict=True)
        done = 0


def _whole(source: LargeTiff) -> tuple[slice, slice]:
    return slice(0, source.size[0]), slice(0, source.size[1])
