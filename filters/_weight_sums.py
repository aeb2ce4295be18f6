"""How much a filter that isn't convex may amplify: the sums of the absolute weights behind its outputs."""

from typing import Any, NamedTuple

import numpy as np

from pkn.filters import _door
from pkn.filters._filter import Filter


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
    planes = _door.to_planes(_door.check_image(image, channel_axis), channel_axis)
    checked = flt.check_maps(maps, {}, planes)
    height, width = planes.shape[2:]
    valid = _door.check_mask(mask, height, width)
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
