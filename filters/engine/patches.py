"""The patch core: window averages whose weights compare patches, one offset at a time; never an H x W x K array.

For an offset o, with S(p) the sum over a flat patch of n pixels of |x(q + o) - x(q)|^2 (channels added up):

    out(p) = sum_o w x(p + o) / sum_o w,   w = 2^(factor(p) max(0, S(p) / n - 2 sigma(p)^2))

Patches are summed from scratch for each pixel, rows first. Running sums would accumulate rounding errors from the
beginning of a tile, and the result would depend on the tiling. Pairs with an invalid pixel are left out of S and n.
Windows that reach into other planes compare patches of one plane with those of another: patches have no depth.
"""

from typing import Any

import numpy as np
from numba.extending import overload

from pkn.filters.engine.compile import INLINED, inlined, kernel, store
from pkn.filters.engine.dispatch import load
from pkn.filters.engine.math import exp2, fma
from pkn.filters.engine.threads import run_strips
from pkn.filters.engine.window import BLOCK, NONE, Residuals, Shape, Strips, column

HALF_LOG2E = 0.5 * float(np.log2(np.e))
ROWS = 32
SMALLEST = 1e-30


@inlined
def _square_rows(centre, window, mask_channel, y, x, dy, dx, squares, pairs):
    """Fill ``squares`` with |x(q + o) - x(q)|^2 for a block and its patch margin, q in the centre's plane.

    If there is a mask channel, ``pairs`` becomes 1 where both pixels are valid.
    """
    channels = window.shape[1] if mask_channel is None else window.shape[1] - 1
    wide = squares.shape[1]
    for j in range(squares.shape[0]):
        row = squares[j]
        for c in range(channels):
            there, here = window[y + dy + j, c, x + dx : x + dx + wide], centre[y + j, c, x : x + wide]
            if c == 0:
                for i in range(wide):
                    row[i] = (there[i] - here[i]) * (there[i] - here[i])
            else:
                for i in range(wide):
                    row[i] += (there[i] - here[i]) * (there[i] - here[i])
        if mask_channel is not None:
            there, here = window[y + dy + j, channels, x + dx : x + dx + wide], centre[y + j, channels, x : x + wide]
            for i in range(wide):
                pairs[j, i] = there[i] * here[i]
                row[i] *= pairs[j, i]


def _sum_row(run, row, i):
    """row[i] + row[i + 1] + ..., as many as ``run`` is long."""
    raise NotImplementedError


@overload(_sum_row, jit_options=INLINED)
def _(run, row, i):
    if run.count == 1:
        return lambda run, row, i: row[i]
    return lambda run, row, i: row[i] + _sum_row(run[1:], row, i + column(1))


def _sum_column(run, rows, j, i):
    """rows[j, i] + rows[j + 1, i] + ..., likewise."""
    raise NotImplementedError


@overload(_sum_column, jit_options=INLINED)
def _(run, rows, j, i):
    if run.count == 1:
        return lambda run, rows, j, i: rows[j, i]
    return lambda run, rows, j, i: rows[j, i] + _sum_column(run[1:], rows, j + 1, i)


@inlined
def _sum_along(run, values, sums):
    for j in range(sums.shape[0]):
        row, target = values[j], sums[j]
        for i in range(BLOCK):
            target[i] = _sum_row(run, row, column(i))


@inlined
def factors(coef):
    """Replace rows h, sigma by -log2(e) / h^2 and 2 sigma^2, in place."""
    cast = coef.dtype.type
    for i in range(coef.shape[1]):
        coef[0, i] = cast(-2 * HALF_LOG2E) / max(coef[0, i] * coef[0, i], cast(SMALLEST))
        coef[1, i] = cast(2) * coef[1, i] * coef[1, i]


@kernel
def average_patches(windows, at, deep, mask_channel, maps, n, y0, search, run, out, mass):
    """Fill rows ``y0`` ... of ``out`` (N, C, H, W) from strips padded by the sum of the search and patch radius.

    ``windows`` is (planes, rows, C, columns), and the centre's plane is the one ``at``. ``run`` is a tuple as long as
    the patch's side. ``mask_channel`` is as in :func:`pkn.filters.engine.window.average`. ``deep`` is an empty tuple
    where there is one plane: with a loop over an unknown number of planes the kernel is 8 % slower.
    """
    channels, width, side = out.shape[1], out.shape[3], len(run)
    radius, centre = search + side // 2, windows[at]
    rows = centre.shape[0] - 2 * radius
    squares = np.empty((rows + side - 1, BLOCK + side - 1), windows.dtype)
    pairs = np.empty_like(squares)
    along = np.empty((rows + side - 1, BLOCK), windows.dtype)
    along_pairs = np.empty_like(along)
    coef = np.empty((rows, 2, BLOCK), windows.dtype)
    acc = np.empty((rows, channels + 1, BLOCK), windows.dtype)
    weights = np.empty(BLOCK, windows.dtype)
    cast = windows.dtype.type
    full = cast(side * side)
    area = cast(1) / full
    for x in range(0, width, BLOCK):
        wide = min(BLOCK, width - x)
        acc[:] = 0
        for j in range(rows):
            load(maps, n, y0 + j, x, wide, coef[j])
            factors(coef[j])
        for p in range(windows.shape[0] if len(deep) > 0 else 1):
            window = windows[p]
            for dy in range(-search, search + 1):
                for dx in range(-search, search + 1):
                    _square_rows(centre, window, mask_channel, search, x + search, dy, dx, squares, pairs)
                    _sum_along(run, squares, along)
                    if mask_channel is not None:
                        _sum_along(run, pairs, along_pairs)
                    for j in range(rows):
                        slope, floor = coef[j, 0], coef[j, 1]
                        for i in range(BLOCK):
                            total = _sum_column(run, along, j, i)
                            inverse = area
                            if mask_channel is not None:  # bit-identical to the branch above where all are valid
                                count = _sum_column(run, along_pairs, j, i)
                                inverse = area if count == full else cast(1) / max(count, cast(1))
                            weights[i] = exp2(slope[i] * max(cast(0), fma(total, inverse, -floor[i])))
                        first = x + radius + dx
                        if mask_channel is not None:
                            marks = window[j + radius + dy, channels, first : first + BLOCK]
                            for i in range(BLOCK):
                                weights[i] *= marks[i]
                        for c in range(channels):
                            there = window[j + radius + dy, c, first : first + BLOCK]
                            here = centre[j + radius, c, x + radius : x + radius + BLOCK]
                            sums = acc[j, c]
                            for i in range(BLOCK):
                                sums[i] += weights[i] * (there[i] - here[i])
                        sums = acc[j, channels]
                        for i in range(BLOCK):
                            sums[i] += weights[i]
        for j in range(rows):
            for c in range(channels):
                for i in range(BLOCK):
                    value = centre[j + radius, c, x + radius + i] + acc[j, c, i] / acc[j, channels, i]
                    acc[j, c, i] = value if acc[j, channels, i] != 0 else cast(np.nan)
                store(acc[j, c], wide, out[n, c, y0 + j], x)
            if mass.size:
                store(acc[j, channels], wide, mass[n, y0 + j], x)


def forward(
    image: np.ndarray,
    maps: Any,
    patch: int,
    shape: Shape,
    valid: np.ndarray | None,
    keep: bool,
    slots: np.ndarray | None = None,
) -> tuple[np.ndarray, Residuals]:
    """As :func:`pkn.filters.engine.window.forward`, with maps h and sigma and patches of a radius ``patch``."""
    _, channels, height, width = image.shape
    slots = shape.slots(len(image)) if slots is None else slots
    batch, search = len(slots), shape.radius
    strips = Strips(image, valid, search + patch, shape.border, 1)
    out = np.empty((batch, channels, height, width), image.dtype)
    mass = np.empty((batch, height, width) if keep else (0, 0, 0), image.dtype)

    def task(n: int, start: int, stop: int) -> None:
        there = np.flatnonzero(slots[n] != NONE)
        windows, mask_channel = strips.windows(slots[n, there], start, stop + 2 * (search + patch), "window")
        which = (shape.centre(there), (0,) if shape.radius_z else ())
        average_patches(windows, *which, mask_channel, maps, n, start, search, (0,) * (2 * patch + 1), out, mass)

    run_strips(task, batch, height, ROWS)
    return out, Residuals(image, None, valid, maps, out, mass, slots)
