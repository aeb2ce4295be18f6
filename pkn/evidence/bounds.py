"""Bounds on what a convex filter can make of an image, from its maps: level by level for pyramids."""

from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pkn.filters import Filter, Pyramid
from pkn.filters.engine.borders import OUTSIDE
from pkn.filters.engine.pyramid_levels import blend_with_gaps, halve
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.volume_maps import VolumeMaps


def value_bounds(
    maps: ParameterMaps | VolumeMaps, parts: dict[str, np.ndarray], valid: np.ndarray
) -> dict[str, np.ndarray]:
    """The least and greatest value that each pixel can have, for planes of each part of a filter.

    A weighted mean lies between the least and greatest pixel of its window. Of a pyramid each level's mean does, among
    the means that are the level's pixels, and its blends with the coarser levels are known: that is far narrower than
    the range of all pixels in reach, which coarse levels make wide. Windows of volumes have several planes; pyramids
    halve rows and columns, and blend each plane by itself.

    Parameters
    ----------
    maps : ParameterMaps or VolumeMaps
        Of a filter that keeps the image's size. If it isn't convex, the bounds are no more than the range of the pixels
        in reach.
    parts : dict of str to array of shape (C, H, W), or (C, D, H, W) of a volume
        As :func:`pkn.restoration.weight_operators.parts_of` gives them.
    valid : bool array of shape (H, W) or (D, H, W)
        Pixels that carry weight.

    Returns
    -------
    dict of str to array of shape (2, C, H, W) or (2, C, D, H, W)
        Least and greatest; NaN where no pixel carries weight.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.evidence.bounds import value_bounds
    >>> from pkn.filters import IsotropicGaussian
    >>> ramp = np.tile(np.arange(8.0), (8, 1))
    >>> maps = pkn.ParameterMaps(IsotropicGaussian(2), {"sigma": np.ones((8, 8))})
    >>> value_bounds(maps, {"": ramp[None]}, np.ones((8, 8), bool))[""][:, 0, 4, 4].tolist()
    [2.0, 6.0]
    """
    flt, valid = maps.filter, valid.reshape(-1, *valid.shape[-2:])
    pyramids = {part.name: part for part in flt.parts} if isinstance(flt, Pyramid | LumaChromaPyramid) else {}

    def bounds(name: str, channel: np.ndarray) -> np.ndarray:
        stack = channel.reshape(-1, *channel.shape[-2:])
        stack = np.where(valid & np.isfinite(stack), stack, stack.dtype.type(np.nan))
        found = _of_pyramid(pyramids[name], maps, stack) if pyramids else _window_range(flt, flt.reach, stack)
        return found.reshape(2, *channel.shape)

    return {name: np.stack([bounds(name, channel) for channel in channels], 1) for name, channels in parts.items()}


def _of_pyramid(part: Any, maps: ParameterMaps | VolumeMaps, stack: np.ndarray) -> np.ndarray:
    """The bounds (2, D, H, W) of a stack of planes, which is 1 for images."""
    pyramid, levels = part.pyramid, [stack]
    for _ in range(pyramid.levels - 1):
        levels.append(halve(levels[-1], gaps=True))
    bounds: Any = None
    for level in reversed(range(pyramid.levels)):
        filtered = level >= pyramid.first
        fine = _window_range(pyramid, pyramid.radius, levels[level]) if filtered else np.stack([levels[level]] * 2)
        if bounds is None:
            bounds = fine
        else:
            share = maps[part.full(f"blend_{level}")].astype(stack.dtype)
            share = share.reshape(-1, 1, *share.shape[-2:])
            bounds = blend_with_gaps(fine.swapaxes(0, 1), bounds.swapaxes(0, 1), share)[0].swapaxes(0, 1)
    return np.asarray(bounds)


def _window_range(flt: Filter, radius: int, stack: np.ndarray) -> np.ndarray:
    """The least and greatest value in each pixel's window, (2, D, H, W), of those that aren't NaN."""
    size, known = (1, 2 * radius + 1, 2 * radius + 1), np.isfinite(stack)
    low = minimum_filter(np.where(known, stack, np.inf), size, mode=flt.border)
    high = maximum_filter(np.where(known, stack, -np.inf), size, mode=flt.border)
    slots = flt.window.slots(len(stack))
    there = (slots != OUTSIDE)[..., None, None]
    low = np.min(np.where(there, low[slots], np.inf), 1)
    high = np.max(np.where(there, high[slots], -np.inf), 1)
    return np.where(low <= high, np.stack([low, high]), np.nan).astype(stack.dtype)
