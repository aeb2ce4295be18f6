"""What is shown of pages and maps: pixels of 8 bits for the screen, colours of maps and their legends."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pkn.filters.arrays import rounded, to_floats
from pkn.plotting.colours import bar_colours, coloured, colours_of, ticks
from pkn.plotting.display import DisplayRange
from pkn.restoration.noise_statistics import sample_of
from pkn.restoration.plain_units import ReadableMap


@dataclass(frozen=True, eq=False)
class Screen:
    """How values of a page become greys or colours on the screen.

    Parameters
    ----------
    planes : array of shape (C, H, W)
        The page.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.display import Screen
    >>> counts = np.linspace(100, 300, 64).astype(np.int32).reshape(1, 8, 8)
    >>> screen = Screen(counts)
    >>> screen.stretches, screen.rgba(counts, stretched=True).shape
    (True, (8, 8, 4))
    """

    planes: np.ndarray

    @cached_property
    def _range(self) -> DisplayRange:
        return DisplayRange.of(sample_of(self.planes))

    @property
    def has_range(self) -> bool:
        """Whether 0 to 1 can be what the page spans: not of counts, and of floats beyond it."""
        return self._range.known

    @property
    def stretches(self) -> bool:
        """Whether the page is to be shown stretched at first."""
        return self._range.stretches

    def limits(self, stretched: bool) -> tuple[float, float]:
        """The values that are black and white on the screen."""
        return self._range.limits(stretched)

    def rgba(self, planes: np.ndarray, stretched: bool, level: int = 0, alpha: np.ndarray | None = None) -> np.ndarray:
        """Pixels (H, W, 4), uint8, of planes (C, H, W); on a level of means of 2^level x 2^level pixels."""
        low, high = self.limits(stretched)
        plain = planes.dtype == np.uint8 and (low, high) == (0, 1) and not level
        out = np.empty((*(-(-side >> level) for side in planes.shape[1:]), 4), np.uint8)
        for channel in range(3):
            if channel < len(planes):
                plane = planes[channel]
                floats = plane if plain else (shrunk(to_floats(plane), level) - low) / (high - low)
                out[..., channel] = plane if plain else rounded(floats, np.dtype(np.uint8))
            else:
                out[..., channel] = out[..., 0]
        out[..., 3] = 255 if alpha is None else rounded(shrunk(to_floats(alpha), level), np.dtype(np.uint8))
        return out


def shrunk(plane: np.ndarray, level: int) -> np.ndarray:
    """Means of 2^level x 2^level pixels; of what is there at the far borders.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.display import shrunk
    >>> shrunk(np.array([[0.0, 2.0, 5.0], [4.0, 6.0, 7.0]]), 1).tolist()
    [[3.0, 6.0]]
    """
    for _ in range(level):
        odd = [(0, side % 2) for side in plane.shape]
        plane = np.pad(plane, odd, mode="edge") if any(end for _, end in odd) else plane
        plane = (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) * plane.dtype.type(0.25)
    return plane


def map_rgba(values: np.ndarray, drawn: ReadableMap, level: int = 0) -> np.ndarray:
    """Colours (H, W, 4), uint8, of a map; of a zoomed one every 2^level-th pixel. NaN is transparent."""
    return coloured(values[:: 1 << level, :: 1 << level], *colours_of(drawn))


def legend(name: str, drawn: ReadableMap) -> dict[str, Any]:
    """A map's name, unit, meaning, colours from low to high, and numbers beside them, as JSON represents them."""
    colours, norm = colours_of(drawn)
    return {
        "name": name,
        "unit": drawn.unit,
        "meaning": drawn.meaning,
        "colours": bar_colours(colours),
        "ticks": ticks(norm),
    }
