"""Blocks of a page: which of them are computed together, and where computed ones are kept."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

BLOCK = 256  # px a side; a multiple of what networks align parts to
FIRST, LATER = 2, 8  # blocks of a piece: a small one comes soon, a large one costs less for its halo


class Area(NamedTuple):
    """A rectangle of blocks or pixels: rows ``top`` to ``bottom`` and columns ``left`` to ``right``, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def tile(self) -> tuple[slice, slice]:
        """Rows and columns as slices."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def size(self) -> int:
        """Number of blocks or pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def pixels(self, size: tuple[int, int]) -> "Area":
        """The pixels of these blocks in an image of ``size`` (H, W)."""
        top, left = self.top * BLOCK, self.left * BLOCK
        return Area(top, left, min(self.bottom * BLOCK, size[0]), min(self.right * BLOCK, size[1]))

    def blocks(self) -> Iterator["Area"]:
        """Yield each block as an area of one."""
        for row in range(self.top, self.bottom):
            for column in range(self.left, self.right):
                yield Area(row, column, row + 1, column + 1)


def blocks_of(pixels: Area) -> Area:
    """The blocks that hold some pixels."""
    return Area(pixels.top // BLOCK, pixels.left // BLOCK, -(-pixels.bottom // BLOCK), -(-pixels.right // BLOCK))


def pieces(missing: np.ndarray, first: int = FIRST, later: int = LATER) -> Iterator[Area]:
    """Cut what is missing into rectangles, those at the centre first.

    Parameters
    ----------
    missing : bool array of shape (rows, columns)
        Of blocks.
    first, later : int
        Blocks in the first piece, and in the others, at most.

    Yields
    ------
    Area
        The same ones for the same ``missing``; each block that is missing is in one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.blocks import pieces
    >>> found = list(pieces(np.ones((3, 4), bool)))
    >>> found[0], sum(piece.size for piece in found)
    (Area(top=1, left=1, bottom=2, right=3), 12)
    """
    left, most = missing.copy(), first
    centre = (np.array(missing.shape) - 1) / 2
    while left.any():
        places = np.argwhere(left)
        row, column = places[np.argmin(np.square(places - centre).sum(1))].tolist()
        piece = _grown(left, Area(row, column, row + 1, column + 1), most)
        left[piece.tile] = False
        most = later
        yield piece


def _grown(missing: np.ndarray, piece: Area, most: int) -> Area:
    """The piece with rows and columns of missing blocks added in turn, up to ``most`` blocks."""
    grown = True
    while grown:
        grown = False
        for side, step in (("right", 1), ("bottom", 1), ("left", -1), ("top", -1)):
            wider = piece._replace(**{side: getattr(piece, side) + step})
            inside = min(wider) >= 0 and wider.bottom <= missing.shape[0] and wider.right <= missing.shape[1]
            if inside and wider.size <= most and missing[wider.tile].all():
                piece, grown = wider, True
    return piece


class Kept:
    """Arrays by key, of so many bytes in all; those that were asked for least recently go first.

    Threads may share it.

    Parameters
    ----------
    limit : int
        Bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.blocks import Kept
    >>> kept = Kept(limit=20)
    >>> for key in "abc":
    ...     kept.put(key, [np.zeros(8, np.uint8)])
    >>> "a" in kept, "c" in kept
    (False, True)
    """

    def __init__(self, limit: int) -> None:
        self.limit, self._bytes, self._lock = limit, 0, RLock()
        self._arrays: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._arrays

    def get(self, key: Hashable) -> Any:
        """What was put there, or None."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: Hashable, arrays: Any) -> None:
        """Keep a list of arrays."""
        with self._lock:
            self._drop(key)
            self._arrays[key] = arrays
            self._bytes += sum(array.nbytes for array in arrays)
            while self._bytes > self.limit and len(self._arrays) > 1:
                self._drop(next(iter(self._arrays)))

    def _drop(self, key: Hashable) -> None:
        self._bytes -= sum(array.nbytes for array in self._arrays.pop(key, ()))
