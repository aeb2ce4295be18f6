"""The exact weights behind outputs of a filter, whatever it is composed of; and the sums of their absolute values."""

from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import check_image, check_mask, to_planes
from pkn.filters.base import Filter
from pkn.filters.engine.borders import border_index

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


def absolute_weights(
    flt: Filter, image: Any, *maps: Any, channel_axis: int | None = None, mask: Any = None, passes: int | None = 4
) -> np.ndarray:
    """Sum of |w| over the weights w(p, q) of every output pixel p: 1 for a mean, more where a filter sharpens.

    An output is at most this sum times the largest absolute value in its window, and an error in the image (its noise)
    grows at most as much. Values are exact, as from ``flt.kernel_at``, but by default not for every pixel: one vjp
    gives the weights of all pixels of a grid, whose windows tile the image. Near the image's edges the weights of a
    pixel and of its mirror images count as one. The filter must be convex or linear in the image, as all here are.

    Parameters
    ----------
    flt : Filter
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
    *maps : float or array of shape (H, W)
        The filter's maps, in their order.
    channel_axis, mask
        As in a call of the filter.
    passes : int or None
        Grids to look at, spread evenly; each costs about as much as training on the image once. None takes all
        ``(2 reach + 1)^2`` of them: every pixel.

    Returns
    -------
    array of shape (H, W)
        NaN at pixels that were not looked at, and where the output is NaN.
    """
    if passes is not None and not (isinstance(passes, int) and passes >= 1):
        raise ValueError(f"passes is {passes!r}; expected a whole number of at least 1, or None for all pixels")
    planes = to_planes(check_image(image, channel_axis), channel_axis)
    checked = flt.check_maps(maps, {}, planes)
    height, width = planes.shape[2:]
    valid = check_mask(mask, height, width)
    if flt.convex:
        out, _ = flt.forward(planes, checked, valid, keep=False)
        return np.where(np.isfinite(out[0, 0]), planes.dtype.type(1), planes.dtype.type(np.nan))
    full = flt.Maps(*(np.ascontiguousarray(np.broadcast_to(m, (*m.shape[:2], height, width))) for m in checked))
    return _by_grids(flt, planes[:, :1], full, np.isfinite(planes).all(1) & (True if valid is None else valid), passes)


class _Grids(NamedTuple):
    """``number`` pixels of an axis ``spacing`` apart, at least a window's side, also around a border that wraps."""

    starts: int
    spacing: int
    number: int

    @classmethod
    def of(cls, size: int, side: int) -> "_Grids":
        count = max(1, size // side)
        return cls(size - (count - 1) * (size // count), size // count, count)

    def pixels(self, start: int) -> np.ndarray:
        return start + self.spacing * np.arange(self.number)


def _by_grids(flt: Filter, plane: np.ndarray, maps: Any, seen: np.ndarray, passes: int | None) -> np.ndarray:
    size, side = plane.shape[2:], 2 * flt.reach + 1
    out, residuals = flt.forward(np.zeros_like(plane), maps, seen)
    sums = np.full(size, np.nan, plane.dtype)
    grids = [_Grids.of(pixels, side) for pixels in size]
    for start in _starts(grids, passes):
        rows, columns = (grid.pixels(at) for grid, at in zip(grids, start, strict=True))
        v_out = np.zeros_like(plane)
        v_out[0, 0, rows[:, None], columns] = 1
        v_image, _ = flt.vjp(residuals, v_out)
        assert v_image is not None
        weights = np.abs(v_image[0, 0])
        for axis, pixels in enumerate((rows, columns)):
            shift = flt.reach - pixels[0] if flt.border == "wrap" else 0  # a window that wraps becomes whole
            begins = np.maximum(pixels + shift - flt.reach, 0) * (np.arange(pixels.size) > 0)
            weights = np.add.reduceat(np.roll(weights, shift, axis), begins, axis)
        sums[rows[:, None], columns] = weights
    sums[~np.isfinite(out[0, 0])] = np.nan
    return sums


def _starts(grids: list[_Grids], passes: int | None) -> list[tuple[int, ...]]:
    """First pixels (row, column) of the grids to look at: all, or so many spread evenly."""
    sizes = [grid.starts for grid in grids]
    if passes is None or passes >= np.prod(sizes):
        return list(np.ndindex(*sizes))
    plastic = 1.324717957244746  # few points, far from one another: Roberts' two-dimensional golden ratio
    return [tuple(int(n / plastic**k % 1 * size) for k, size in enumerate(sizes, 1)) for n in range(1, passes + 1)]
