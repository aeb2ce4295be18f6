"""What a report holds."""

from collections.abc import Sequence
from typing import NamedTuple

from pkn.plotting.report_pictures import Picture

HALF = 560  # px


class Legend(NamedTuple):
    """What a figure's colours mean: from low to high, as ``#rrggbb``, and the words beneath them."""

    colours: Sequence[str]
    ticks: Sequence[str]


class ReportFigure(NamedTuple):
    """A picture with its title, its legend, and what a reader has to know."""

    title: str
    picture: Picture
    text: str = ""
    legend: Legend | None = None


class Comparison(NamedTuple):
    """Two pictures of the same size, to compare by a slider."""

    before: Picture
    after: Picture
    text: str

    @property
    def narrow(self) -> bool:
        """Whether half of a wide page holds it."""
        return self.after.width * self.after.zoom <= HALF


class Section(NamedTuple):
    """A part of the report on one page of an image.

    Parameters
    ----------
    title : str
    text : str
        A paragraph; may be empty.
    figures, folded : sequence of ReportFigure
        Those that are shown, and those that are shown on demand, and on paper.
    fold : str
        What is folded, in words.
    facts : sequence of (str, str)
        Names and values.
    half : bool
        Whether it takes half of a wide page, so that two stand side by side.
    """

    title: str
    text: str = ""
    figures: Sequence[ReportFigure] = ()
    folded: Sequence[ReportFigure] = ()
    fold: str = ""
    facts: Sequence[tuple[str, str]] = ()
    half: bool = False


class ExplainedPixel(NamedTuple):
    """A pixel that a click explains: where it is, in words why it is what it is, and a picture of its weights."""

    row: int
    column: int
    text: str
    picture: Picture


class ReportPage(NamedTuple):
    """The report on one page of an image.

    Parameters
    ----------
    comparisons : sequence of Comparison
        The first is the whole page.
    sections : sequence of Section
    size : (int, int)
        Height and width of the page, of which ``pixels`` are some.
    pixels : sequence of ExplainedPixel
        A click on the page explains the nearest of them.
    """

    comparisons: Sequence[Comparison]
    sections: Sequence[Section] = ()
    size: tuple[int, int] = (1, 1)
    pixels: Sequence[ExplainedPixel] = ()
