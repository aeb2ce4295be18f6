"""The exact weights of an output pixel, by the vjp of any filter, and the sums of their absolute values."""

from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import check_image, check_mask, check_whole_number, to_planes
from pkn.filters.base import Filter
from pkn.filters.engine.borders import border_index
from pkn.filters.engine.window import NONE

Position = tuple[int, int, int]


def operator_row(
    flt: Filter, planes: np.ndarray, valid: np.ndarray, maps: Any, at: Position, centre: Position | None = None
) -> np.ndarray:
    """Return the weights (window's planes, 2 reach + 1, 2 reach + 1) of the output ``at``: the vjp of an impulse there.

    The window is centred on the pixel ``centre``, which is ``at`` unless input and output differ in size. If several
    positions of the window read the same pixel (at a border), the nearest of them holds its whole weight.
    """
    out, residuals = flt.forward(np.zeros_like(planes), maps, np.ascontiguousarray(valid))
    plane, row, col = at
    if not np.isfinite(out[plane, 0, row, col]):
        return np.full((flt.window.planes, *(2 * flt.reach + 1,) * 2), np.nan, planes.dtype)
    single = np.zeros_like(out)
    single[plane, 0, row, col] = 1
    weights = flt.vjp(residuals, single)[0][:, 0]  # type: ignore[index]
    for axis, (position, size) in enumerate(zip((centre or at)[1:], planes.shape[2:], strict=True), 1):
        weights = _unfold(weights, axis, position, size, flt)
    return _unfold_planes(np.asarray(weights), flt.window.slots(len(planes))[plane], flt.radius_z)


def _unfold_planes(weights: np.ndarray, slots: np.ndarray, centre: int) -> np.ndarray:
    """Return the weights of a stack's planes by places of a window; of several with one plane the nearest has it."""
    window = np.zeros((slots.size, *weights.shape[1:]), weights.dtype)
    seen = {NONE}
    for place in sorted(range(slots.size), key=lambda k: abs(k - centre)):
        if slots[place] not in seen:
            seen.add(int(slots[place]))
            window[place] = weights[slots[place]]
    return window


def _unfold(weights: np.ndarray, axis: int, at: int, size: int, flt: Filter) -> np.ndarray:
    """Return the weights of ``size`` pixels along an axis as a window around pixel ``at``, 0 elsewhere."""
    reach = flt.reach
    source = np.full(2 * reach + 1, -1)
    index = border_index(size, reach, flt.border)[at : at + 2 * reach + 1]
    for position in sorted(range(2 * reach + 1), key=lambda k: abs(k - reach)):
        if index[position] >= 0 and index[position] not in source:
            source[position] = index[position]
    window = np.take(weights, np.maximum(source, 0), axis)
    np.moveaxis(window, axis, 0)[source < 0] = 0
    return window


def absolute_weights(
    flt: Filter, image: Any, *maps: Any, channel_axis: int | None = None, mask: Any = None, passes: int | None = 4
) -> np.ndarray:
    """Sum of ``|w(p, q)|`` over q for output pixels p: 1 for a mean, more where a filter sharpens.

    The absolute value of an output is at most this sum times the largest absolute value in its window, and an error in
    the image (its noise) grows by at most this factor. Values are exact, as from ``flt.kernel_at``, but by default
    they are computed for some pixels only: one vjp gives the weights of all pixels of a grid whose windows tile the
    image. Near the image's edges the weights of a pixel and of its mirror images are added before the absolute value is
    taken. The filter must be convex or linear in the image, as all filters of the package are.

    Parameters
    ----------
    flt : Filter
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
    *maps : float or array of shape (H, W)
        The filter's maps, in their order.
    channel_axis, mask
        As in a call of the filter.
    passes : int or None
        Number of grids, spread evenly; each costs about as much as a training step on the image. None takes all
        ``(2 reach + 1)^2`` grids, that is, every pixel.

    Returns
    -------
    array of shape (H, W)
        NaN at pixels of no grid, and where the output is NaN.

    Raises
    ------
    ValueError, TypeError
        If an argument doesn't fit; see :meth:`Filter.__call__`.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import IsotropicReblur, absolute_weights
    >>> sharpen = IsotropicReblur(radius=1)
    >>> sums = absolute_weights(sharpen, np.zeros((4, 6)), 1.0, 3.0, -1.0, 2.0, passes=None)
    >>> sums.shape, bool(sums.min() > 1)
    ((4, 6), True)
    """
    if passes is not None:
        passes = check_whole_number("passes", passes)
    planes = to_planes(check_image(image, channel_axis), channel_axis)
    checked = flt.check_maps(maps, {}, planes)
    height, width = planes.shape[2:]
    mask = check_mask(mask, height, width)
    if flt.convex:
        out, _ = flt.forward(planes, checked, mask, keep=False)
        return np.where(np.isfinite(out[0, 0]), planes.dtype.type(1), planes.dtype.type(np.nan))
    full = flt.Maps(*(np.require(np.broadcast_to(m, (*m.shape[:2], height, width)), None, ["C", "W"]) for m in checked))
    return _by_grids(flt, planes[:, :1], full, np.isfinite(planes).all(1) & (True if mask is None else mask), passes)


class _Grids(NamedTuple):
    """Grids of ``number`` pixels along an axis, one for each of ``starts`` first pixels.

    Pixels of a grid are ``spacing`` apart: at least a window's side, also across a border that wraps.
    """

    starts: int
    spacing: int
    number: int

    @classmethod
    def of(cls, size: int, side: int) -> "_Grids":
        count = max(1, size // side)
        return cls(size - (count - 1) * (size // count), size // count, count)

    def pixels(self, start: int) -> np.ndarray:
        return start + self.spacing * np.arange(self.number)


def _by_grids(flt: Filter, plane: np.ndarray, maps: Any, valid: np.ndarray, passes: int | None) -> np.ndarray:
    size, side = plane.shape[2:], 2 * flt.reach + 1
    out, residuals = flt.forward(np.zeros_like(plane), maps, valid)
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
            shift = flt.reach - pixels[0] if flt.border == "wrap" else 0  # makes a window that wraps contiguous
            begins = np.maximum(pixels + shift - flt.reach, 0) * (np.arange(pixels.size) > 0)
            weights = np.add.reduceat(np.roll(weights, shift, axis), begins, axis)
        sums[rows[:, None], columns] = weights
    sums[~np.isfinite(out[0, 0])] = np.nan
    return sums


def _starts(grids: list[_Grids], passes: int | None) -> list[tuple[int, ...]]:
    """First pixels (row, column) of ``passes`` grids, spread evenly, or of all grids."""
    sizes = [grid.starts for grid in grids]
    if passes is None or passes >= np.prod(sizes):
        return list(np.ndindex(*sizes))
    plastic = 1.324717957244746  # Roberts' low-discrepancy sequence in two dimensions, after the plastic number
    return [tuple(int(n / plastic**k % 1 * size) for k, size in enumerate(sizes, 1)) for n in range(1, passes + 1)]
