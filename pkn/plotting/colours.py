"""Maps as coloured pixels, and the legends beside them."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LogNorm, Normalize, to_hex

BAR = 32  # colours of a legend


def colours_of(drawn: Any) -> tuple[str, Normalize]:
    """Name of the colour map of a derived map, and the norm from its values to it."""
    norm = (LogNorm if drawn.scale == "logarithmic" else Normalize)(drawn.low, drawn.high)
    return "hsv" if drawn.scale == "cyclic" else "gray", norm


def coloured(values: np.ndarray, colours: str, norm: Normalize) -> np.ndarray:
    """Colours (H, W, 4), uint8, of a map's values; NaN is transparent.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.colors import Normalize
    >>> from pkn.plotting.colours import coloured
    >>> coloured(np.array([[0.0, 1.0, np.nan]]), "gray", Normalize(0, 1)).tolist()
    [[[0, 0, 0, 255], [255, 255, 255, 255], [0, 0, 0, 0]]]
    """
    low = norm.vmin if norm.vmin is not None else 0.0
    rgba: np.ndarray = colormaps[colours](norm(np.nan_to_num(values, nan=low)), bytes=True)
    rgba[..., 3] = np.where(np.isnan(values), 0, 255)
    return rgba


def bar_colours(colours: str) -> list[str]:
    """Those of a legend, from low to high, as ``#rrggbb``."""
    return [to_hex(colour) for colour in colormaps[colours](np.linspace(0, 1, BAR))]


def ticks(norm: Normalize) -> list[str]:
    """The values at a legend's beginning, middle and end."""
    return [f"{float(norm.inverse(at)):.3g}" for at in (0.0, 0.5, 1.0)]
