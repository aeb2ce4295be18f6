"""The pictures of a report: maps with their legends, the residual, uncertainty, the noise profile's plot."""

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.colors import Normalize

from pkn.evidence.report_words import Unit, title_of
from pkn.plotting.colours import bar_colours, coloured, colours_of, ticks
from pkn.plotting.maps import own_colours
from pkn.plotting.noise import draw_profile
from pkn.plotting.report_content import Legend, ReportFigure
from pkn.plotting.report_pictures import picture_of, plot_picture, step_for
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.plain_units import ReadableMap

NOWHERE = 128  # the grey of pixels without a value
DIRECTIONS = ("0° —", "45° ╱", "90° │", "135° ╲", "180° —")
SPAN = 3  # standard deviations of the residual, to black and to white


def readable_figure(name: str, drawn: ReadableMap, side: int) -> ReportFigure:
    """A map in plain units."""
    title, text = title_of(name)
    words = [f"{tick} {drawn.unit}".strip() for tick in ticks(colours_of(drawn)[1])]
    if drawn.scale == "cyclic":
        words = list(DIRECTIONS)
    return _figure(title, text, drawn.values, *colours_of(drawn), words, side)


def own_figure(maps: ParameterMaps, name: str, side: int) -> ReportFigure:
    """A map of the network's own."""
    limits = maps.ranges[name]
    plane, colours, norm = own_colours(maps[name], limits)
    title = f"{name}, {limits.unit}" if limits.unit else name
    return _figure(title, limits.meaning, plane, colours, norm, ticks(norm), side)


def size_figure(title: str, text: str, values: np.ndarray, unit: Unit, side: int) -> ReportFigure:
    """Sizes above 0 in the image's units (H, W), black to white, to the greatest but for the last half per cent."""
    known = values[np.isfinite(values)]
    norm = Normalize(0, float(np.percentile(known, 99.5)) if known.size and known.max() > 0 else 1.0)
    words = [unit(float(norm.inverse(at))) for at in (0.0, 0.5, 1.0)]
    return _figure(title, text, values, "gray", norm, words, side)


def residual_figure(residual: np.ndarray, text: str, unit: Unit, side: int) -> ReportFigure:
    """Image less result (H, W) or (H, W, 3), mid-grey where it is 0."""
    step = step_for(residual, side)
    most = SPAN * float(np.nanstd(residual)) or 1 / unit.full
    greys = np.nan_to_num(127.5 + 127.5 * residual[::step, ::step] / most, nan=NOWHERE)
    picture = picture_of(np.rint(np.clip(greys, 0, 255)).astype(np.uint8), "Residual: image minus result", side)
    if step > 1:
        text += f" One pixel of {step} × {step} is shown."
    words = (f"−{unit(most)}", "0", f"+{unit(most)}")
    return ReportFigure("Image minus result", picture, text, Legend(bar_colours("gray"), words))


def noise_figure(profile: NoiseProfile, unit: Unit) -> ReportFigure:
    """The plot of a noise profile, in the file's units."""
    scaled = replace(
        profile,
        intensity=profile.intensity * unit.full,
        sigma=profile.sigma * unit.full,
        measured=profile.measured * unit.full,
    )
    alt = "Standard deviation of the noise over intensity"
    text = "The line is what the network was told."
    if len(profile.measured):
        text += " Points are blocks of the image, chosen as the smoothest, and so below the noise as a whole."
    if profile.rgb:
        text += " Luma is the mean of red, green and blue, so its noise is less than theirs; chroma is the rest."
    return ReportFigure(alt, plot_picture(lambda axes: draw_profile(scaled, axes), alt), text)


def _figure(
    title: str, text: str, values: np.ndarray, colours: str, norm: Any, words: list[str], side: int
) -> ReportFigure:
    step = step_for(values, side)
    rgba = coloured(values[::step, ::step], colours, norm)
    rgb = np.where(rgba[..., 3:] == 0, np.uint8(NOWHERE), rgba[..., :3])
    pixels = rgb if colours == "hsv" else np.ascontiguousarray(rgb[..., 0])
    return ReportFigure(title, picture_of(pixels, f"Map: {title}", side), text, Legend(bar_colours(colours), words))
