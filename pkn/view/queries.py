"""What requests ask for: checked as strictly as the arguments of functions are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pkn.view.blocks import BLOCK, Area
from pkn.view.session import Session, ShownPage

STRONGEST = 10.0
HIGHEST = 8  # level of zooming out: a block is at least a pixel
MOST = 2**24  # pixels of the screen in an answer


class Query:
    """The query of an address.

    Parameters
    ----------
    given : mapping of str to str

    Examples
    --------
    >>> from pkn.view.queries import Query
    >>> Query({"level": "2"}).level()
    2
    >>> Query({"level": "-1"}).level()
    Traceback (most recent call last):
    ...
    ValueError: level is '-1'; expected a whole number from 0 to 8
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    def _whole(self, name: str, least: int, most: int) -> int:
        text = self._given.get(name, "")
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise ValueError(f"{name} is {text!r}; expected a whole number from {least} to {most}")
        return int(text)

    def one_of(self, name: str, allowed: Sequence[str]) -> str:
        """One of the words that are allowed."""
        text = self._given.get(name, "")
        if text not in allowed:
            raise ValueError(f"{name} is {text!r}; expected one of {', '.join(map(repr, allowed))}")
        return text

    def whether(self, name: str) -> bool:
        """Whether something is to be so."""
        return self.one_of(name, ("0", "1")) == "1"

    def layer(self, usual: Sequence[str]) -> str:
        """A layer's name; that of a map is checked where the maps are known."""
        text = self._given.get("layer", "")
        if not (text.replace("_", "").isalnum() and len(text) < 64):
            raise ValueError(f"layer is {text!r}; expected {', '.join(usual)} or a map's name")
        return text

    def file(self, session: Session) -> tuple[int, int]:
        """Numbers of a file and of its page; the latter is checked when the file is read."""
        return self._whole("file", 0, len(session.paths) - 1), self._whole("page", 0, 10**6)

    def level(self) -> int:
        """How often the picture is halved."""
        return self._whole("level", 0, HIGHEST)

    def position(self, shown: ShownPage) -> tuple[int, int]:
        """Row and column of a pixel."""
        height, width = shown.denoised.size
        return self._whole("row", 0, height - 1), self._whole("column", 0, width - 1)

    def area(self, shown: ShownPage, level: int) -> Area:
        """Whole blocks of the page: their pixels."""
        height, width = shown.denoised.size
        top, left = self._whole("top", 0, height - 1), self._whole("left", 0, width - 1)
        asked = Area(top, left, self._whole("bottom", top + 1, height), self._whole("right", left + 1, width))
        rows, columns = (-(-side // BLOCK) * BLOCK >> level for side in (asked.bottom - top, asked.right - left))
        if rows * columns > MOST:
            raise ValueError(f"the area has {rows * columns} pixels of the screen; expected at most {MOST}")
        return asked

    def strength(self, shown: ShownPage) -> Any:
        """A number, or those of luma and chroma where they differ."""
        names = ("luma", "chroma")[: shown.denoised.strengths]
        found = tuple(self._strength(name) for name in names)
        return found[0] if len(set(found)) == 1 else found

    def _strength(self, name: str) -> float:
        text = self._given.get(name, "")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= STRONGEST:
            raise ValueError(f"{name} is {text!r}; expected a number from 0 to {STRONGEST:g}")
        return round(value, 3)
