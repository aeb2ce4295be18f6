"""The parts of a report on one page of an image."""

from typing import NamedTuple

import numpy as np

from pkn.evidence.deviations import Uncertainty
from pkn.evidence.report_figures import noise_figure, own_figure, readable_figure, residual_figure, size_figure
from pkn.evidence.report_words import Unit
from pkn.filters.arrays import planar, to_floats
from pkn.plotting.report_content import Section
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps, weight_facts
from pkn.restoration.plain_units import ReadableMap

LARGEST, SMALLEST = 1600, 400  # px a side of a page in a report: of one page, and of each of very many
ALL_PAGES = 8e6  # px of all pages together
MAP, THUMB = 800, 400  # px a side
WHOLE = 4  # pages that are told in full
FIRST = ("radius", "direction")  # the maps that a person reads
COVERAGE = 0.9


class Sizes(NamedTuple):
    """How large pictures are, in px a side, and how many pages have all of them: many pages make no huge file."""

    picture: int
    map: int
    thumb: int
    whole_pages: int

    @classmethod
    def of(cls, pages: int) -> "Sizes":
        """For so many pages.

        Examples
        --------
        >>> from pkn.evidence.report_sections import Sizes
        >>> Sizes.of(1).picture, Sizes.of(12).picture, Sizes.of(200).picture
        (1600, 816, 400)
        """
        side = int(np.clip(np.sqrt(ALL_PAGES / pages), SMALLEST, LARGEST))
        return cls(side, min(side, MAP), THUMB, WHOLE)


def maps_section(maps: ParameterMaps, readable: dict[str, ReadableMap], sizes: Sizes, whole: bool) -> Section:
    """Two maps that a person reads, and all others folded; ``whole`` says whether those are wanted."""
    parts = dict.fromkeys(name.rpartition("_")[0] for name in readable)
    prefix = f"{part}_" if (part := next(iter(parts), "")) else ""
    first = [f"{prefix}{name}" for name in FIRST if f"{prefix}{name}" in readable] or list(readable)[:2]
    others = [name for name in readable if name not in first] if whole else []
    own = list(maps) if whole or not readable else []
    folded = [readable_figure(name, readable[name], sizes.thumb) for name in others]
    folded += [own_figure(maps, name, sizes.thumb) for name in own]
    names = [f"{len(others)} more in plain units"] if others else []
    names += [f"the network's own {len(own)}"] if own else []
    return Section(
        "What the filter did",
        "How far, along what and from where each value was averaged, computed from the filter's exact weights.",
        figures=[readable_figure(name, readable[name], sizes.map) for name in first],
        folded=folded,
        fold=f"More maps: {' and '.join(names)}",
    )


def noise_section(noise: NoiseProfile | None, unit: Unit, given: bool) -> Section | None:
    """The noise profile, plotted; None without one."""
    if noise is None:
        return None
    how = "The profile was given." if given else f"Estimated from this image, to about {noise.uncertainty:.0%}."
    like = (
        "It is white: neighbouring pixels' noise has nothing in common."
        if noise.correlation == 0
        else f"It is spatially correlated, as white noise is after a blur of {noise.correlation:.2g} px."
    )
    return Section("The noise", f"{how} {like}", figures=[noise_figure(noise, unit)], half=True)


def uncertainty_section(sure: Uncertainty, unit: Unit, sizes: Sizes) -> Section:
    """How sure each pixel is."""
    std = _sizes_of(sure.std, sure.channel_axis)
    figures = [
        size_figure(
            "Standard deviation of the result",
            f"How much a pixel would change with another draw of the noise. Median {unit(float(np.nanmedian(std)))}.",
            std,
            unit,
            sizes.map,
        )
    ]
    if sure.intervals is None:
        title = "Size of the estimated bias"
        text = (
            "How far each pixel is off on average, as far as that can be told: lost structure leaves little to tell by."
        )
        figures.append(size_figure(title, text, _sizes_of(sure.bias, sure.channel_axis), unit, sizes.map))
    else:
        half = _sizes_of(sure.interval(COVERAGE)[1] - sure.result, sure.channel_axis)
        text = (
            f"Half the width of the interval in which {COVERAGE:.0%} of clean pixels lie, of photographs with white"
            f" noise, for flat regions, edges and texture. Median ± {unit(float(np.nanmedian(half)))}."
        )
        figures.append(size_figure(f"{COVERAGE:.0%} interval, ±", text, half, unit, sizes.map))
    text = (
        f"The whole chain, noise estimate, network and filter, was asked again for {sure.draws} draws of the noise, so"
        f" that a pixel's deviation is known to {sure.monte_carlo_error:.0%}. The noise itself has a standard deviation"
        f" of {unit(sure.noise_level)}."
    )
    return Section("How sure each pixel is", text, figures=figures)


def _sizes_of(values: np.ndarray, channel_axis: int | None) -> np.ndarray:
    """Root mean square of the channels, (H, W)."""
    return np.asarray(np.sqrt(np.square(planar(values, channel_axis)).mean(0)))


def residual_section(
    before: np.ndarray, after: np.ndarray, maps: ParameterMaps, unit: Unit, sizes: Sizes, half: bool
) -> Section:
    """What was taken from the image."""
    text = (
        "What was taken away. It should look like noise and nothing else: an edge or a pattern that can be seen here"
        " was taken from the image."
        if maps.filter.convex
        else "What sharpening added is negative here: bright becomes dark."
    )
    figure = residual_figure(_residual(before, after), text, unit, sizes.map)
    return Section("The residual", figures=[figure], half=half)


def numbers_section(
    before: np.ndarray,
    after: np.ndarray,
    maps: ParameterMaps,
    unit: Unit,
    noise: NoiseProfile | None,
    mask: np.ndarray | None,
    half: bool,
) -> Section:
    """Numbers of a page."""
    about, residual = maps.provenance, _residual(before, after)
    level, mean, deviation = about["sigma"], float(np.nanmean(residual)), float(np.nanstd(residual))
    ratio = f", {deviation / level:.2f} of the noise level" if level > 0 else ""
    facts = [("noise level", f"{unit(level)}, {'given' if about['sigma_given'] else 'estimated'}")]
    if noise is not None and not noise.rgb and noise.gain > 0:
        read = f"gain {unit(noise.gain)}, read noise {unit(noise.read_noise)} at {unit(noise.black)}"
        facts.append(("noise model", f"{read}: variance = gain × (value − black) + read noise²"))
    facts += [
        ("image minus result", f"standard deviation {unit(deviation)}{ratio}; mean {mean * unit.full:.2g}"),
        ("values before", _span(before, unit)),
        ("values after", _span(after, unit)),
        *(weight_facts(maps, before, mask) or [("sum of |w|", "1 at every pixel: no weight is below 0")]),
    ]
    outside = int(np.sum(~np.isfinite(to_floats(before)))) + (0 if mask is None else int(np.sum(~mask)))
    if outside:
        facts.append(("without weight", f"{outside} values: masked, transparent or not finite"))
    return Section("Numbers", facts=facts, half=half)


def _span(pixels: np.ndarray, unit: Unit) -> str:
    values = to_floats(pixels)
    return (
        f"{unit(float(np.nanmin(values)))} to {unit(float(np.nanmax(values)))}, mean {unit(float(np.nanmean(values)))}"
    )


def _residual(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # infinite pixels
        return np.asarray(to_floats(before) - to_floats(after))
