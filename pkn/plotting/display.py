"""Which values of an image are black and white where it is shown."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pkn.filters.arrays import FULL_RANGE, native, rounded, to_floats

EXTREMES = (0.1, 99.9)  # per cent, of values that become black and white where contrast is stretched
NARROW = 0.35  # of the full range: an image that spans less is shown stretched


class DisplayRange(NamedTuple):
    """What an image's values span.

    Parameters
    ----------
    low, high : float
        All but the darkest and brightest 0.1 % lie between them; integers of 8 and 16 bits are fractions of their full
        range.
    known : bool
        Whether 0 to 1 can be what the image spans: not of counts, and of floats beyond it.
    """

    low: float
    high: float
    known: bool

    @classmethod
    def of(cls, pixels: np.ndarray) -> "DisplayRange":
        """Of an image, or a sample of its pixels, with their own dtype.

        Examples
        --------
        >>> import numpy as np
        >>> from pkn.plotting.display import DisplayRange
        >>> counts = np.linspace(100, 400, 1001).round().astype(np.uint16)
        >>> shown = DisplayRange.of(counts)
        >>> shown.stretches, [round(65535 * limit) for limit in shown.limits(shown.stretches)]
        (True, [100, 400])
        """
        values = to_floats(pixels)
        known = np.isfinite(values)
        low, high = map(float, np.percentile(values[known], EXTREMES)) if known.any() else (0.0, 1.0)
        within = pixels.dtype.kind == "f" and low >= -0.5 and high <= 1.5
        return cls(low, high if high > low else low + 1, native(pixels.dtype) in FULL_RANGE or within)

    @classmethod
    def union(cls, ranges: Iterable["DisplayRange"]) -> "DisplayRange":
        """Of several images, to be shown alike."""
        lows, highs, known = zip(*ranges, strict=True)
        return cls(min(lows), max(highs), all(known))

    @property
    def stretches(self) -> bool:
        """Whether the image is to be shown stretched."""
        return not self.known or self.high - self.low < NARROW

    def limits(self, stretched: bool) -> tuple[float, float]:
        """The values that are black and white."""
        return (self.low, self.high) if stretched or not self.known else (0.0, 1.0)


def shown_bytes(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Floats as greys of 8 bits, from black at the first limit to white at the second; NaN is black."""
    low, high = limits
    return rounded((values - low) / (high - low), np.dtype(np.uint8))
