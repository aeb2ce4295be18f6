"""The exact weights behind one output of a filter that is linear in the image, whatever it is composed of."""

from typing import Any

import numpy as np

from pkn.filters._border import border_index
from pkn.filters._filter import Filter

Position = tuple[int, int]


def operator_row(
    flt: Filter, planes: np.ndarray, seen: np.ndarray, maps: Any, at: Position, centre: Position | None = None
) -> np.ndarray:
    """The weights (2 reach + 1, 2 reach + 1) behind the output at ``at``, by the vjp of a single 1.

    They are laid out around the pixel ``centre``: ``at`` itself, unless input and output are of different sizes. Where
    several positions of the window read one pixel (a border), its weight stands in the nearest of them.
    """
    out, residuals = flt.forward(np.zeros_like(planes), maps, np.ascontiguousarray(seen))
    if not np.isfinite(out[0, 0, *at]):
        return np.full((2 * flt.reach + 1,) * 2, np.nan, planes.dtype)
    single = np.zeros_like(out)
    single[0, 0, *at] = 1
    weights = flt.vjp(residuals, single)[0][0, 0]  # type: ignore[index]
    for axis, (position, size) in enumerate(zip(centre or at, planes.shape[2:], strict=True)):
        weights = _unfold(weights, axis, position, size, flt)
    return np.asarray(weights)


def _unfold(weights: np.ndarray, axis: int, at: int, size: int, flt: Filter) -> np.ndarray:
    """The weights of ``size`` pixels along an axis, laid out in a window around pixel ``at``; elsewhere 0."""
    reach = flt.reach
    source = np.full(2 * reach + 1, -1)
    index = border_index(size, reach, flt.border)[at : at + 2 * reach + 1]
    for position in sorted(range(2 * reach + 1), key=lambda k: abs(k - reach)):
        if index[position] >= 0 and index[position] not in source:
            source[position] = index[position]
    laid = np.take(weights, np.maximum(source, 0), axis)
    np.moveaxis(laid, axis, 0)[source < 0] = 0
    return laid
