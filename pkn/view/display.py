"""What is shown of pages and maps: pixels of 8 bits for the screen, colours of maps and their legends."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize

from pkn.filters.arrays import FULL_RANGE, native, rounded, to_floats
from pkn.plotting.maps import colours_of
from pkn.restoration.noise_statistics import sample_of
from pkn.restoration.plain_units import ReadableMap

EXTREMES = (0.1, 99.9)  # per cent, of values that become black and white where contrast is stretched
NARROW = 0.35  # of the full range: an image that spans less is shown stretched at first
BAR = 32  # colours of a legend


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
    def _stretched(self) -> tuple[float, float]:
        low, high = np.nanpercentile(_finite(to_floats(sample_of(self.planes))), EXTREMES)
        return float(low), float(high) if high > low else float(low) + 1

    @property
    def has_range(self) -> bool:
        """Whether 0 to 1 can be what the page spans: not of counts, and of floats beyond it."""
        low, high = self._stretched
        known = native(self.planes.dtype) in FULL_RANGE
        return known or (self.planes.dtype.kind == "f" and low >= -0.5 and high <= 1.5)

    @property
    def stretches(self) -> bool:
        """Whether the page is to be shown stretched at first."""
        low, high = self._stretched
        return not self.has_range or high - low < NARROW

    def limits(self, stretched: bool) -> tuple[float, float]:
        """The values that are black and white on the screen."""
        return self._stretched if stretched or not self.has_range else (0.0, 1.0)

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
    colours, norm = colours_of(drawn)
    values = values[:: 1 << level, :: 1 << level]
    rgba: np.ndarray = colormaps[colours](norm(np.nan_to_num(values, nan=drawn.low)), bytes=True)
    rgba[..., 3] = np.where(np.isnan(values), 0, 255)
    return rgba


def legend(name: str, drawn: ReadableMap) -> dict[str, Any]:
    """A map's name, unit, meaning, colours from low to high, and numbers beside them, as JSON represents them."""
    colours, norm = colours_of(drawn)
    colours_at = colormaps[colours](np.linspace(0, 1, BAR), bytes=True)[:, :3]
    return {
        "name": name,
        "unit": drawn.unit,
        "meaning": drawn.meaning,
        "colours": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colours_at.tolist()],
        "ticks": _ticks(norm),
    }


def _ticks(norm: Normalize) -> list[str]:
    return [f"{float(norm.inverse(at)):.3g}" for at in (0.0, 0.5, 1.0)]


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
