"""What one ``pkn view`` shows: image files by number, opened when they are looked at."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.io.formats import format_of_file
from pkn.io.image_file import ImageFile
from pkn.io.images import DEFAULT_MAX_PIXELS, read_image
from pkn.restoration.plain_units import ReadableMap
from pkn.view.blocks import Area
from pkn.view.denoised_page import DENOISED, MAPS, DenoisedPage
from pkn.view.display import Screen, legend, map_rgba

OPEN = 2  # files, and pages, that are held
TRIED = 64  # px a side of the part that a page's legends come from


class ShownPage:
    """A page of a file with what shows it.

    Parameters
    ----------
    pixels, mask, net
        As :class:`pkn.view.denoised_page.DenoisedPage` takes them.
    alpha : array of shape (H, W), optional
    """

    def __init__(self, pixels: np.ndarray, alpha: np.ndarray | None, mask: np.ndarray | None, net: Any) -> None:
        self.alpha, self.denoised = alpha, DenoisedPage(pixels, mask, net)
        self.screen = Screen(self.denoised.planes)

    @cached_property
    def readable(self) -> dict[str, ReadableMap]:
        """Maps in plain units, of a small part: their names, ranges and meanings are those of the whole."""
        height, width = self.denoised.size
        part = Area(0, 0, min(height, TRIED), min(width, TRIED))
        return self.denoised.maps(part, 1.0).readable(np.nan_to_num(self.denoised.crop(part)))

    @property
    def legends(self) -> list[dict[str, Any]]:
        """Of each map."""
        return [legend(name, drawn) for name, drawn in self.readable.items()]

    def original(self, part: Area, level: int, stretched: bool) -> np.ndarray:
        """The page itself: pixels (H, W, 4) of uint8, of a level of means."""
        return self.screen.rgba(self.denoised.planes[:, *part.tile], stretched, level, self._alpha(part))

    def layer(self, name: str, part: Area, level: int, strength: Any, stretched: bool) -> np.ndarray:
        """The result or a map, likewise."""
        if name == DENOISED:
            planes = self.denoised.values(DENOISED, part, strength)
            return self.screen.rgba(planes, stretched, level, self._alpha(part))
        values = self.denoised.values(MAPS, part, strength)[list(self.readable).index(name)]
        return map_rgba(values, self.readable[name], level)

    def _alpha(self, part: Area) -> np.ndarray | None:
        return None if self.alpha is None else self.alpha[part.tile]


def _forget(opened: dict[Any, Any]) -> None:
    """Leave those that were opened last: each may take a gigabyte."""
    while len(opened) > OPEN:
        del opened[next(iter(opened))]


class OpenFile(NamedTuple):
    """An image file that was read."""

    path: Path
    image: ImageFile


class Session:
    """The files of one command, and the network.

    Parameters
    ----------
    paths : sequence of path
        Image files; nothing else is ever read.
    net : str or path
    max_pixels : int, optional

    Raises
    ------
    ValueError, OSError
        If one of them can't be opened, or is no image file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.images import ImageFile, write_image
    >>> from pkn.view.session import Session
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "a.png", ImageFile((np.zeros((40, 60), np.uint8),)))
    ...     session = Session([Path(folder) / "a.png"])
    ...     session.about(0, 0)["size"]
    [40, 60]
    """

    def __init__(self, paths: Sequence[Path], net: Any = "any-noise", max_pixels: int | None = None) -> None:
        self.paths, self.net = [Path(path) for path in paths], net
        self.max_pixels = max_pixels or DEFAULT_MAX_PIXELS
        if not self.paths:
            raise ValueError("images is empty; expected at least one image file")
        for path in self.paths:
            format_of_file(path)
        self._files: dict[int, OpenFile] = {}
        self._pages: dict[tuple[int, int], ShownPage] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """Of the files, without their folders."""
        return [path.name for path in self.paths]

    def file(self, number: int) -> OpenFile:
        """A file by its number."""
        with self._lock:
            if number not in self._files:
                path = self.paths[number]
                self._files[number] = OpenFile(path, read_image(path, max_pixels=self.max_pixels))
                _forget(self._files)
            return self._files[number]

    def page(self, number: int, page: int) -> ShownPage:
        """A page of a file."""
        image = self.file(number).image
        if page >= len(image.pages):
            raise ValueError(f"page is {page}; expected less than {len(image.pages)}")
        with self._lock:
            if (number, page) not in self._pages:
                parts = (image.pages[page], image.alpha[page], image.masks[page])
                self._pages[number, page] = ShownPage(*parts, self.net)
                _forget(self._pages)
            return self._pages[number, page]

    def about(self, number: int, page: int) -> dict[str, Any]:
        """What the page on the screen needs to know of a page, as JSON represents it."""
        shown, image = self.page(number, page), self.file(number).image
        pixels, level = shown.denoised.pixels, shown.denoised.told.level
        full = shown.denoised.pixels.dtype.kind == "u" and shown.screen.has_range
        return {
            "name": self.names[number],
            "pages": len(image.pages),
            "size": list(shown.denoised.size),
            "channels": len(shown.denoised.planes),
            "dtype": str(pixels.dtype),
            "strengths": shown.denoised.strengths,
            "net": str(self.net),
            "noise": f"{255 * level:.1f}/255" if full else f"{level:.4g}",
            "stretched": shown.screen.stretches,
            "ranged": shown.screen.has_range,
        }
