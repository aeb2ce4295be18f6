"""Pictures for reports: as large as they are shown, and as files that browsers know."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

LOSSLESS = 1 << 16  # pixels; larger pictures are JPEG
QUALITY = 90
SMALL = 480  # px a side, to which smaller pictures are enlarged, by whole factors
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"<?xml": "image/svg+xml"}
DARK = {"text.color": "#e2e2e2", "axes.edgecolor": "#b4b4b4", "axes.labelcolor": "#e2e2e2", "xtick.color": "#b4b4b4",
        "ytick.color": "#b4b4b4", "legend.edgecolor": "#4c4c4c", "legend.facecolor": "#2d2d2d"}  # fmt: skip


class Picture(NamedTuple):
    """A picture to be shown.

    Parameters
    ----------
    content : bytes
        Of a PNG, JPEG or SVG file.
    alt : str
        What it shows, for those who can't see it.
    width, height : int
        In pixels.
    dark : bytes
        The content for dark screens, if it is another.
    """

    content: bytes
    alt: str
    width: int
    height: int
    dark: bytes = b""

    @property
    def kind(self) -> str:
        """The media type."""
        return next((kind for start, kind in KINDS.items() if self.content.startswith(start)), "")

    @property
    def zoom(self) -> int:
        """By what a picture of few pixels is enlarged."""
        return max(1, SMALL // max(self.width, self.height))


def picture_of(pixels: np.ndarray, alt: str, side: int, means: bool = True) -> Picture:
    """Encode pixels as a picture of at most ``side`` px a side.

    Parameters
    ----------
    pixels : array of shape (H, W) or (H, W, 3), uint8
    alt : str
    side : int
    means : bool
        Whether larger pictures are shrunk by means of pixels, and not by leaving pixels out.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.plotting.report_pictures import picture_of
    >>> picture = picture_of(np.zeros((1000, 2000), np.uint8), "nothing", 500)
    >>> picture.width, picture.height, picture.kind
    (500, 250, 'image/jpeg')
    """
    if not means:
        pixels = pixels[:: step_for(pixels, side), :: step_for(pixels, side)]
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > side:
        factor = side / max(image.size)
        size = tuple(max(1, round(length * factor)) for length in image.size)
        image = image.resize(size, Image.Resampling.BOX)  # type: ignore[arg-type]
    stream = BytesIO()
    if image.width * image.height <= LOSSLESS:
        image.save(stream, "PNG", optimize=True)
    else:
        image.save(stream, "JPEG", quality=QUALITY, subsampling="4:4:4")
    return Picture(stream.getvalue(), alt, *image.size)


def step_for(pixels: np.ndarray, side: int) -> int:
    """Every which pixel is shown, so that at most ``side`` are."""
    return int(-(-max(pixels.shape[:2]) // side))


def plot_picture(draw: Callable[[Any], object], alt: str) -> Picture:
    """A plot as SVG, for light and for dark screens, drawn by a function that takes matplotlib axes."""
    contents = []
    for colours in ({}, DARK):
        settings: Any = {"svg.hashsalt": "pkn", **colours}
        with matplotlib.rc_context(settings):
            figure = Figure(figsize=(6.4, 3.6), layout="constrained")
            axes = figure.add_subplot()
            axes.patch.set_alpha(0)
            draw(axes)
            stream = BytesIO()
            figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
            contents.append(stream.getvalue())
    return Picture(contents[0], alt, 640, 360, contents[1])
