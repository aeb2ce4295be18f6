"""Bounds on what a convex filter can make of an image, from its maps: level by level for pyramids."""

from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from pkn.filters import Filter, Pyramid
from pkn.filters.engine.pyramid_levels import blend_with_gaps, halve
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.restoration.parameter_maps import ParameterMaps


def value_bounds(maps: ParameterMaps, parts: dict[str, np.ndarray], valid: np.ndarray) -> dict[str, np.ndarray]:
    """The least and greatest value that each pixel can have, for planes of each part of a filter.

    A weighted mean lies between the least and greatest pixel of its window. Of a pyramid each level's mean does, among
    the means that are the level's pixels, and its blends with the coarser levels are known: that is far narrower than
    the range of all pixels in reach, which coarse levels make wide.

    Parameters
    ----------
    maps : ParameterMaps
        Of a filter that keeps the image's size. If it isn't convex, the bounds are no more than the range of the pixels
        in reach.
    parts : dict of str to array of shape (C, H, W)
        As :func:`pkn.restoration.weight_operators.parts_of` gives them.
    valid : bool array of shape (H, W)
        Pixels that carry weight.

    Returns
    -------
    dict of str to array of shape (2, C, H, W)
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
    flt = maps.filter
    if isinstance(flt, Pyramid | LumaChromaPyramid):
        return {
            part.name: np.stack([_of_pyramid(part, maps, plane, valid) for plane in parts[part.name]], 1)
            for part in flt.parts
        }
    return {
        name: np.stack([_window_range(flt, flt.reach, np.where(valid, plane, np.nan)) for plane in planes], 1)
        for name, planes in parts.items()
    }


def _of_pyramid(part: Any, maps: ParameterMaps, plane: np.ndarray, valid: np.ndarray) -> np.ndarray:
    pyramid = part.pyramid
    levels = [np.where(valid & np.isfinite(plane), plane, plane.dtype.type(np.nan))]
    for _ in range(pyramid.levels - 1):
        levels.append(halve(levels[-1], gaps=True))
    bounds: Any = None
    for level in reversed(range(pyramid.levels)):
        filtered = level >= pyramid.first
        fine = _window_range(pyramid, pyramid.radius, levels[level]) if filtered else np.stack([levels[level]] * 2)
        if bounds is None:
            bounds = fine
        else:
            share = maps[part.full(f"blend_{level}")].astype(plane.dtype)
            bounds = blend_with_gaps(fine[None], bounds[None], share[None, None])[0][0]
    return np.asarray(bounds)


def _window_range(flt: Filter, radius: int, plane: np.ndarray) -> np.ndarray:
    """The least and greatest value in each pixel's window, (2, H, W), of those that aren't NaN."""
    side, known = 2 * radius + 1, np.isfinite(plane)
    low = minimum_filter(np.where(known, plane, np.inf), side, mode=flt.border)
    high = maximum_filter(np.where(known, plane, -np.inf), side, mode=flt.border)
    return np.where(low <= high, np.stack([low, high]), np.nan).astype(plane.dtype)
