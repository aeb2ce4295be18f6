"""The report on a restored image file: what ``pkn denoise --report`` writes, and ``pkn view`` offers."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from pkn.evidence.deviations import Uncertainty
from pkn.evidence.hashes import of_file, of_network, of_pixels
from pkn.evidence.machine import describe_machine
from pkn.evidence.report_sections import (
    Sizes,
    maps_section,
    noise_section,
    numbers_section,
    residual_section,
    uncertainty_section,
)
from pkn.evidence.report_words import Unit, in_numbers, what_was_done
from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import planar, to_floats
from pkn.plotting.display import DisplayRange, shown_bytes
from pkn.plotting.html_report import write_report
from pkn.plotting.kernels import kernel_picture
from pkn.plotting.report_content import Comparison, ExplainedPixel, ReportPage, Section
from pkn.plotting.report_pictures import picture_of
from pkn.restoration.explanation import PixelExplanation
from pkn.restoration.map_changes import Change
from pkn.restoration.noise_estimation import estimate_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sample_of
from pkn.restoration.parameter_maps import ParameterMaps

APART = 16  # px between explained pixels, at least
EXPLAINED, FEWER = (4, 6), (2, 3)  # pixels, down and across, that a click explains: of one page, of each of several
NAMES = ("before", "after")
DETAIL = (360, 560)  # px, of the part that is shown in full size


@dataclass(frozen=True, eq=False)
class Work:
    """What was done to an image file.

    Parameters
    ----------
    source : Path
        The image file.
    before, after : sequence of array of shape (H, W) or (H, W, 3)
        Its pages, and what became of them.
    maps : sequence of ParameterMaps
    seconds : float
        That it took.
    masks : sequence of array or None
        Of each page, where its pixels carry weight.
    target : Path, optional
        The file that was written.
    profile : NoiseProfile, optional
        The noise that was given.
    profiled : bool
        Whether the network knew the noise from the image as it is.
    sure : callable, optional
        ``sure(pixels, channel_axis=, mask=)`` says how sure a page's result is, as :func:`pkn.uncertainty` does.
    """

    source: Path
    before: Sequence[np.ndarray]
    after: Sequence[np.ndarray]
    maps: Sequence[ParameterMaps]
    seconds: float
    masks: Sequence[np.ndarray | None] = ()
    target: Path | None = None
    profile: NoiseProfile | None = None
    profiled: bool = True
    sure: Callable[..., Uncertainty] | None = None

    def mask(self, number: int) -> np.ndarray | None:
        """Of a page."""
        return self.masks[number] if self.masks else None

    def noise(self, number: int) -> NoiseProfile | None:
        """The noise profile of a page, if there is one."""
        maps = self.maps[number]
        if not self.profiled or self.profile or maps.provenance["sigma_given"]:
            return self.profile if self.profiled else None
        return estimate_noise(self.before[number], channel_axis=maps.channel_axis, mask=self.mask(number))


def write_page(path: Path, work: Work) -> None:
    """Write the HTML report on an image file, of all its pages.

    Parameters
    ----------
    path : Path
    work : Work

    Raises
    ------
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.evidence.reports import Work, write_page
    >>> counts = np.random.default_rng(0).poisson(200, (48, 64)).astype(np.uint16)
    >>> maps = pkn.predict_maps(counts, net="bilateral")
    >>> work = Work(Path("cells.tif"), [counts], [maps.apply(counts, dtype="same")], [maps], seconds=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_page(Path(folder) / "report.html", work)
    ...     page = (Path(folder) / "report.html").read_text(encoding="utf-8")
    >>> "Averaging radius" in page, "Image minus result" in page
    (True, True)
    """
    shown = DisplayRange.union(DisplayRange.of(sample_of(_planes(pixels))) for pixels in work.before)
    sizes = Sizes.of(len(work.before))
    write_report(
        path,
        title=f"{work.source.name}, {'denoised' if work.maps[0].filter.convex else 'sharpened'}",
        summary=what_was_done(work.source.name, work.maps[0], work.before[0], len(work.before), work.seconds),
        pages=[_page(work, number, shown, sizes) for number in range(len(work.before))],
        provenance=_provenance(work),
    )


def _page(work: Work, number: int, shown: DisplayRange, sizes: Sizes) -> ReportPage:
    before, after, maps = work.before[number], work.after[number], work.maps[number]
    unit, whole = Unit.of(before.dtype), number < sizes.whole_pages
    noise = work.noise(number) if whole else None
    comparisons = _comparisons(before, after, shown, unit, sizes.picture, len(work.before) > 1)
    beside = all(each.narrow for each in comparisons)
    sections: list[Section | None] = [
        numbers_section(before, after, maps, unit, noise, work.mask(number), beside),
        maps_section(maps, maps.readable(before, mask=work.mask(number)), sizes, whole),
        noise_section(noise, unit, work.profile is not None),
        residual_section(before, after, maps, unit, sizes, noise is not None),
        _uncertainty(work, number, sizes),
    ]
    pixels = _explained_pixels(maps, before, EXPLAINED if len(work.before) == 1 else FEWER) if whole else []
    return ReportPage(comparisons, [each for each in sections if each], maps.shape, pixels)


def _uncertainty(work: Work, number: int, sizes: Sizes) -> Section | None:
    if work.sure is None:
        return None
    pixels = work.before[number]
    sure = work.sure(pixels, channel_axis=work.maps[number].channel_axis, mask=work.mask(number))
    return uncertainty_section(sure, Unit.of(pixels.dtype), sizes)


def _comparisons(
    before: np.ndarray, after: np.ndarray, shown: DisplayRange, unit: Unit, side: int, several: bool
) -> list[Comparison]:
    """The whole page, and a part in full size if the page is shown smaller."""
    limits = shown.limits(shown.stretches)
    span = f"Black is {unit(limits[0])}, white is {unit(limits[1])}"
    span += ": stretched to what the image spans" if shown.stretches else ", the full range"
    text = f"{span}; before and after alike{', and all pages' if several else ''}."
    pictures = [shown_bytes(to_floats(pixels), limits) for pixels in (before, after)]
    height, width = before.shape[:2]

    def comparison(pair: list[np.ndarray], what: str, text: str) -> Comparison:
        before, after = (picture_of(p, f"{name}: {what}", side) for p, name in zip(pair, NAMES, strict=True))
        return Comparison(before, after, text)

    if max(height, width) <= side:
        return [comparison(pictures, "the whole image", text)]
    rows, columns = _detail(pictures[1])
    shrunk = f"The whole image, shrunk from {width} × {height} px: that alone takes noise away. {text}"
    place = f"In full size: rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}."
    detail = [picture[rows, columns] for picture in pictures]
    return [comparison(pictures, "the whole image", shrunk), comparison(detail, "a part in full size", place)]


def _detail(picture: np.ndarray) -> tuple[slice, slice]:
    """The part in which most is to be seen: where the result varies most."""
    lengths = [min(side, most) for side, most in zip(picture.shape[:2], DETAIL, strict=True)]
    starts = [range(0, side - length + 1, length) for side, length in zip(picture.shape[:2], lengths, strict=True)]
    parts = [
        (slice(row, row + lengths[0]), slice(column, column + lengths[1])) for row, column in itertools.product(*starts)
    ]
    return max(parts, key=lambda part: float(picture[*part][::4, ::4].std()))


def _planes(pixels: np.ndarray) -> np.ndarray:
    return planar(pixels, None if pixels.ndim == 2 else -1)


def _provenance(work: Work) -> list[tuple[str, str]]:
    """What has to be known to tell whether two results are the same, and to make one again."""
    maps = work.maps[0]
    about = maps.provenance
    network = of_network(about.get("net"), maps.channel_axis)
    files = {"input": work.source, "output": work.target}
    found = [(f"{name}, {file.name}", of_file(file)) for name, file in files.items() if file and file.is_file()]
    pages = [(f"pixels of page {n}", of_pixels(result)) for n, result in enumerate(work.after, 1)]
    here = describe_machine()
    versions = ", ".join(f"{name} {here[name]}" for name in ("python", "numpy", "numba"))
    return [
        ("made", datetime.now().astimezone().isoformat(" ", "seconds")),
        ("versions", f"pkn {about['pkn']}, {versions}"),
        ("machine", f"{here['processor']}, rounds as {here['rounding']}"),
        ("filter", str(maps.filter)),
        ("network", str(about.get("net"))),
        ("strength", in_numbers(about["strength"])),
        *((f"SHA-256 of {name}", digest) for name, digest in [("the network", network)] if digest),
        *((f"SHA-256 of {name}", digest) for name, digest in [*found, *pages]),
    ]


def _explained_pixels(maps: ParameterMaps, before: np.ndarray, grid: tuple[int, int]) -> list[ExplainedPixel]:
    """Pixels of a grid, explained; none where the filter enlarges."""
    if isinstance(maps.filter, AnisotropicUpsampling):
        return []
    grey = planar(before, maps.channel_axis).mean(0)
    unit = Unit.of(before.dtype)
    numbers = (min(most, max(1, side // APART)) for most, side in zip(grid, maps.shape, strict=True))
    rows, columns = (
        ((np.arange(number) + 0.5) * side / number).astype(int)
        for number, side in zip(numbers, maps.shape, strict=True)
    )
    found = []
    for at in itertools.product(rows.tolist(), columns.tolist()):
        why = maps.explain(before, at)
        pixels = kernel_picture(grey, at, why.kernels)
        alt = f"Weights around row {at[0]}, column {at[1]}"
        found.append(ExplainedPixel(*at, str(_in_units(why, unit)), picture_of(pixels, alt, max(pixels.shape))))
    return found


def _in_units(why: PixelExplanation, unit: Unit) -> PixelExplanation:
    changes = {name: Change(*(value * unit.full for value in change)) for name, change in why.changes.items()}
    return replace(why, before=why.before * unit.full, after=why.after * unit.full, changes=changes)
