"""What reports say, in plain words."""

from typing import Any, NamedTuple

import numpy as np

from pkn.filters import LumaChromaPyramid
from pkn.filters.arrays import FULL_RANGE, native
from pkn.restoration.parameter_maps import ParameterMaps

FILTERS_IN_WORDS = {
    "LumaChromaPyramid": "two pyramids of bilateral filters, one for brightness (luma) and one for colour (chroma)",
    "Pyramid": "a pyramid of bilateral filters",
    "Bilateral": "a bilateral filter",
    "AnisotropicBilateral": "an anisotropic bilateral filter",
    "AnisotropicGaussian": "an anisotropic Gaussian filter",
    "IsotropicGaussian": "a Gaussian filter",
    "NonLocalMeans": "non-local means",
    "FreeKernel": "a kernel of free weights",
    "Reblur": "a polynomial of a Gaussian blur, which takes the blur back",
}
PARTS_IN_WORDS = {"luma": "brightness", "chroma": "colour"}
MAPS_IN_WORDS = {
    "radius": (
        "Averaging radius",
        "How far around each pixel the filter averaged. White: far, where the image is flat. Black: hardly at all, at"
        " edges and in fine structure.",
    ),
    "direction": (
        "Averaging direction",
        "Along which direction the filter averaged farthest: edges have the colour of the direction in which they run."
        " Grey: no direction stands out.",
    ),
    "pixels": (
        "Pixels averaged",
        "How many pixels each result is an average of, in effect. Noise falls by the root of this number.",
    ),
    "coarser": (
        "Share from coarser levels",
        "Which share of each result came from the image at half its size and smaller. White: all of it.",
    ),
    "noise": (
        "Noise growth",
        "By how much noise grew (above 1, white) or shrank (below 1, black) at each pixel.",
    ),
}

AVERAGED = (
    "Every value of the result is an average of the image's own pixels with weights above 0, so it lies within the"
    " range of the pixels around it."
)
AVERAGED_PLANES = (
    "Each pixel's brightness, and each of its two colour differences, is an average of the image's own with weights"
    " above 0, so it lies within the range of the pixels around it; red, green and blue by themselves may go beyond"
    " theirs."
)
SHARPENED = "Its weights can be below 0, so that it sharpens; the sum of |w| says by how much errors can grow."


class Unit(NamedTuple):
    """The units of an image file's own values.

    Parameters
    ----------
    full : float
        What a value of 1 is in the file: 255 for uint8, 65535 for uint16, 1 for all others.
    """

    full: float

    @classmethod
    def of(cls, dtype: np.dtype[Any]) -> "Unit":
        """Of a file's dtype.

        Examples
        --------
        >>> import numpy as np
        >>> from pkn.evidence.report_words import Unit
        >>> Unit.of(np.dtype(np.uint8))(0.1)
        '25.5'
        """
        return cls(float(FULL_RANGE.get(native(dtype), 1)))

    def __call__(self, value: float) -> str:
        return f"{value * self.full:.4g}"


def title_of(name: str) -> tuple[str, str]:
    """The title of a map in plain units, and what its colours mean."""
    part, _, stem = name.rpartition("_")
    title, text = MAPS_IN_WORDS[stem]
    return f"{title}, {PARTS_IN_WORDS.get(part, part)}" if part else title, text


def described(pixels: np.ndarray, pages: int) -> str:
    """An image in words: pages, size, colours, depth."""
    colours = "grey" if pixels.ndim == 2 else "RGB"
    of = f"{pages} pages, the first of " if pages > 1 else ""
    return f"{of}{pixels.shape[1]} × {pixels.shape[0]} px, {colours}, {pixels.dtype}"


def what_was_done(source: str, maps: ParameterMaps, pixels: np.ndarray, pages: int, seconds: float) -> list[str]:
    """Paragraphs on what was done to an image file's pages, by the first page's maps."""
    about, flt, unit = maps.provenance, maps.filter, Unit.of(pixels.dtype)
    in_words = FILTERS_IN_WORDS.get(type(flt).__name__, str(flt))
    verb = "denoised" if flt.convex else "sharpened"
    each = ", each page by itself" if pages > 1 else ""
    where = " (in page 1)" if pages > 1 else ""
    found = "was given" if about["sigma_given"] else "was estimated from the image"
    planes = isinstance(flt, LumaChromaPyramid)
    weights = (AVERAGED_PLANES if planes else AVERAGED) if flt.convex else SHARPENED
    net = str(about.get("net"))
    set_by = "its parameters say" if net.startswith("none") else f"the network {net} set"
    own = "" if unit.full == 1 else f", 0 to {unit.full:.0f}"
    return [
        f"The image {source} ({described(pixels, pages)}) was {verb}{each} by pkn {about['pkn']} at strength"
        f" {in_numbers(about['strength'])}, in {seconds:.1f} s. A classical filter did it, {in_words}; {set_by} for"
        f" each pixel how far, along what and over which values it averages. The noise {found}: a standard deviation of"
        f" {unit(about['sigma'])}{where}. {weights}",
        f"Intensities and noise levels are in the file's own units{own}.",
    ]


def in_numbers(strength: Any) -> str:
    """A strength, or that of luma and chroma."""
    if isinstance(strength, tuple | list):
        return f"{strength[0]:g} (brightness) and {strength[1]:g} (colour)"
    return strength if isinstance(strength, str) else f"{strength:g}"
