"""The report on a denoised image: what ``pkn denoise --report`` writes, and ``pkn view`` offers."""

import itertools
from pathlib import Path

import numpy as np

from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import planar
from pkn.io.image_file import to_integers
from pkn.io.png import encode_png
from pkn.plotting.html_report import ExplainedPixel, write_report
from pkn.plotting.kernels import kernel_picture
from pkn.plotting.maps import picture_bytes
from pkn.restoration.parameter_maps import ParameterMaps, weight_facts

GRID, APART = (6, 8), 16  # pixels that a click explains, down and across, at most; px between them at least


def write_page(
    path: Path, source: Path, before: np.ndarray, after: np.ndarray, maps: ParameterMaps, seconds: float
) -> None:
    """Write the HTML report on one image: before and after, facts, maps.

    Parameters
    ----------
    path : Path
    source : Path
        The image file, for its name.
    before, after : array of shape (H, W) or (H, W, 3)
    maps : ParameterMaps
    seconds : float
        That it took.
    """
    about = maps.provenance
    facts = [
        ("image", f"{source.name}, {before.shape[1]} x {before.shape[0]} px, {before.dtype}"),
        ("filter", str(maps.filter)),
        ("network", about["net"]),
        ("noise level", f"{about['sigma'] * 255:.2f}/255 ({'given' if about['sigma_given'] else 'estimated'})"),
        ("strength", str(about["strength"])),
        *weight_facts(maps, before),
        ("time", f"{seconds:.2f} s"),
        ("pkn", about["pkn"]),
    ]
    readable = maps.readable(before)

    def figure(name: str, meaning: str) -> tuple[str, bytes]:
        return f"{name}: {meaning}", picture_bytes(maps, name, readable)

    figures = [figure(name, each.meaning) for name, each in readable.items()]
    own = [figure(name, maps.ranges[name].meaning) for name in maps]
    shown, folded = (figures, own) if figures else (own, [])
    pictures = {"before": to_integers(before, np.uint8), "after": to_integers(after, np.uint8)}
    title, pixels = f"{source.name} before and after", _explained_pixels(maps, before)
    write_report(path, title=title, **pictures, figures=shown, folded=folded, facts=facts, pixels=pixels)


def _explained_pixels(maps: ParameterMaps, before: np.ndarray) -> list[ExplainedPixel]:
    """Pixels of a grid, explained; none where the filter enlarges."""
    if isinstance(maps.filter, AnisotropicUpsampling):
        return []
    grey = planar(before, maps.channel_axis).mean(0)
    numbers = (min(most, max(1, side // APART)) for most, side in zip(GRID, maps.shape, strict=True))
    rows, columns = (
        ((np.arange(number) + 0.5) * side / number).astype(int)
        for number, side in zip(numbers, maps.shape, strict=True)
    )
    found = []
    for at in itertools.product(rows.tolist(), columns.tolist()):
        why = maps.explain(before, at)
        found.append(ExplainedPixel(*at, str(why), encode_png(kernel_picture(grey, at, why.kernels))))
    return found
