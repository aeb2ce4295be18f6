"""The window core on another grid: out(P) = sum_q w(P, q) x(q) / sum_q w(P, q), P an output pixel, q input pixels.

Energies are those that filters register (see dispatch.py), at fractional offsets: d = q - position of P. The values
that the taps of a block of output columns read from an input row are gathered once (``taps``). After that all loops run
over contiguous columns, and a gathered row is used for all output rows around it.

The window is a square of ``2 radius`` pixels around the position, not around a pixel. Pixels at its edges are weighted
by the share of them inside the window (``share``), so that wide kernels vary continuously with the position.
"""

from typing import Any, NamedTuple

import numpy as np

from pkn.filters.engine.compile import inlined, kernel, local, store
from pkn.filters.engine.dispatch import coefficients, energy, load
from pkn.filters.engine.math import exp2
from pkn.filters.engine.output_grid import Axis, output_axis, resample_rows
from pkn.filters.engine.threads import run_strips, scratch
from pkn.filters.engine.window import BLOCK, LONGEST_RUN, Strips, blocks, column

STRIP_ROWS = 32
LOWEST = -100.0  # log2; if the nearest pixel is invalid or weighs less, all weights are divided by the largest


class Grid(NamedTuple):
    """Output rows (H) and columns (W, the last one repeated up to whole blocks); ``width`` is W."""

    rows: Axis
    columns: Axis
    radius: int
    width: int


def make_grid(size: tuple[int, int], out: tuple[int, int], radius: int, dtype: np.dtype) -> Grid:
    """Return the grid of ``out`` (rows, columns) pixels on an image of ``size``."""
    rows, columns = (output_axis(*pair, dtype) for pair in zip(size, out, strict=True))
    wide = Axis(*(np.pad(values, (0, blocks(out[1]) - out[1]), "edge") for values in columns))
    return Grid(rows, wide, radius, out[1])


@inlined
def share(distance, radius):
    """Return the share of a pixel at this distance along an axis that lies inside the window."""
    return min(max(np.float32(radius + 0.5) - abs(distance), np.float32(0)), np.float32(1))


@inlined
def gather_taps(window, grid, channels, x, taps):
    """Fill ``taps`` (rows, side, C + 1, BLOCK): the values that output columns x ... read, and their share, 0 to 1."""
    cast = taps.dtype.type
    near, part = grid.columns.near[x : x + BLOCK], grid.columns.part[x : x + BLOCK]
    for j in range(window.shape[0]):
        for k in range(taps.shape[1]):
            for c in range(channels):
                source, target = window[j, c, k:], taps[j, k, c]
                for i in range(BLOCK):
                    target[i] = source[near[i]]
            counts = taps[j, k, channels]
            for i in range(BLOCK):
                counts[i] = share(cast(k - grid.radius) - part[i], grid.radius)
            if window.shape[1] > channels:  # the last channel is the mask of valid pixels
                source = window[j, channels, k:]
                for i in range(BLOCK):
                    counts[i] *= source[near[i]]


@inlined
def find_shift(taps, grid, maps, coef, y, x, shift):
    """Fill ``shift``, the log2 of the divisor of all weights: 0, or the largest energy where all might underflow."""
    radius, part = grid.radius, grid.columns.part[x : x + BLOCK]
    cast, last = shift.dtype.type, taps.shape[2] - 1
    near_y = -grid.rows.part[y]
    lost = 0
    for i in range(BLOCK):
        e = energy(maps, coef, i, 0, cast(0), near_y, -part[i], cast(0))
        shift[i] = cast(1) if e < cast(LOWEST) or taps[radius, radius, last, i] == 0 else cast(0)
        lost += shift[i] > 0
    if lost == 0:
        return
    for i in range(BLOCK):
        if shift[i] > 0:
            shift[i] = 0
            most = cast(-np.inf)
            for r in range(taps.shape[0]):
                dr = cast(r - radius) + near_y
                for k in range(taps.shape[1]):
                    if taps[r, k, last, i] * share(dr, radius) > 0:
                        most = max(most, energy(maps, coef, i, 0, cast(0), dr, cast(k - radius) - part[i], cast(0)))
                        shift[i] = most


@inlined
def _add_tap(row, maps, coef, shift, part, ref, acc, i, k, dr, dc, height, unrolled):
    """Add a tap to column ``i`` of ``acc``: the weighted difference (C) and the weight."""
    channels = len(unrolled) if len(unrolled) > 0 else acc.shape[0] - 1
    e = energy(maps, coef, i, 0, acc.dtype.type(0), dr, dc - part[i], acc.dtype.type(0))
    # Taps that don't count may be nearer than the one that ``shift`` is of: 2^x of them would be infinite.
    w = exp2(min(e - shift[i], acc.dtype.type(0))) * (row[k, channels, i] * height)
    for c in range(channels):
        acc[c, i] += w * (row[k, c, i] - ref[c, i])
    acc[channels, i] += w


@inlined
def _add_run(run, row, maps, coef, shift, part, ref, acc, k, dr, dc, height, unrolled):
    """Add a run of taps to a block, as :func:`pkn.filters.engine.window.average` does."""
    cast, first = acc.dtype.type, column(k)
    for i in range(BLOCK):
        _add_tap(row, maps, coef, shift, part, ref, acc, i, first, dr, dc, height, unrolled)
        if len(run) > 1:
            _add_tap(row, maps, coef, shift, part, ref, acc, i, first + column(1), dr, dc + cast(1), height, unrolled)
        if len(run) > 2:
            _add_tap(row, maps, coef, shift, part, ref, acc, i, first + column(2), dr, dc + cast(2), height, unrolled)
        if len(run) > 3:
            _add_tap(row, maps, coef, shift, part, ref, acc, i, first + column(3), dr, dc + cast(3), height, unrolled)


@kernel
def average(window, grid, maps, factors, n, y0, y1, run, rest, unrolled, out, mass, shifts):
    """Fill rows ``y0`` to ``y1`` of ``out`` (N, C, H, W) from a padded strip ``window`` (rows, C or C + 1, columns).

    ``maps`` has one row for each row of the output. ``run``, ``rest`` and ``unrolled`` are tuples whose lengths are
    compile-time constants: taps in a run, taps in a row's last run, channels (empty: not unrolled). ``mass`` and
    ``shifts`` (N, H, W) are filled with the sums of weights and the log2 of their divisors, unless they are empty.
    """
    channels, width, radius = out.shape[1], out.shape[3], grid.radius
    side, top = 2 * radius + 1, grid.rows.near[y0]
    taps = np.empty((window.shape[0], side, channels + 1, BLOCK), window.dtype)
    coef = np.empty((factors, BLOCK), window.dtype)
    shift = np.empty(BLOCK, window.dtype)
    ref = local(unrolled, window, channels, BLOCK)
    acc = local(unrolled, window, channels + 1, BLOCK)
    cast = acc.dtype.type
    for x in range(0, width, BLOCK):
        count = min(BLOCK, width - x)
        part = grid.columns.part[x : x + BLOCK]
        gather_taps(window, grid, channels, x, taps)
        for y in range(y0, y1):
            load(maps, 0, y - y0, x, count, coef)
            coefficients(maps, coef)
            here = taps[grid.rows.near[y] - top :][:side]
            for c in range(channels):
                for i in range(BLOCK):
                    ref[c, i] = here[radius, radius, c, i]
            find_shift(here, grid, maps, coef, y, x, shift)
            acc[:] = 0
            for r in range(side):
                dr = cast(r - radius) - grid.rows.part[y]
                height = share(dr, radius)
                for k in range(0, side, len(run)):
                    dc = cast(k - radius)
                    if k + len(run) <= side:
                        _add_run(run, here[r], maps, coef, shift, part, ref, acc, k, dr, dc, height, unrolled)
                    else:
                        _add_run(rest, here[r], maps, coef, shift, part, ref, acc, k, dr, dc, height, unrolled)
            for c in range(channels):
                for i in range(BLOCK):
                    value = ref[c, i] + acc[c, i] / acc[channels, i]
                    acc[c, i] = value if acc[channels, i] != 0 else cast(np.nan)
                store(acc[c], count, out[n, c, y], x)
            if mass.size:
                store(acc[channels], count, mass[n, y], x)
                store(shift, count, shifts[n, y], x)


class Residuals(NamedTuple):
    """What the forward pass keeps for the vjp."""

    image: np.ndarray
    valid: np.ndarray | None
    maps: Any
    out: np.ndarray
    mass: np.ndarray
    shifts: np.ndarray


def maps_at(maps: Any, n: int, grid: Grid, start: int, stop: int, most: float) -> Any:
    """Return the maps resampled to output rows ``start`` to ``stop``, in scratch memory: (1, 1, rows, columns) each."""
    dtype = maps[0].dtype
    resampled = scratch("maps", (len(maps), 1, 1, stop - start, grid.columns.near.size), dtype)
    for values, target in zip(maps, resampled, strict=True):
        resample_rows(values, n, grid.rows, grid.columns, start, dtype.type(most), target[0, 0])
    return type(maps)(*resampled)


def forward(
    image: np.ndarray, maps: Any, grid: Grid, border: str, valid: np.ndarray | None, keep: bool, most: float
) -> tuple[np.ndarray, Residuals]:
    """Average ``image`` (N, C, H, W) around every position of the grid.

    Maps are (N or 1, 1, H or 1, W or 1) at the input's resolution; their values are clipped to at most ``most``.
    """
    batch, channels, _, _ = image.shape
    height, width = grid.rows.near.size, grid.width
    strips = Strips(image, valid, grid.radius, border, LONGEST_RUN)
    out = np.empty((batch, channels, height, width), image.dtype)
    mass, shifts = np.empty((2, batch, height, width) if keep else (2, 0, 0, 0), image.dtype)

    def task(n: int, start: int, stop: int) -> None:
        low, high = grid.rows.near[start], grid.rows.near[stop - 1] + 2 * grid.radius + 1
        window, _ = strips.window(n, low, high, "window")
        resampled = maps_at(maps, n, grid, start, stop, most)
        average(
            window,
            grid,
            resampled,
            len(maps),
            n,
            start,
            stop,
            strips.run,
            strips.rest,
            strips.unrolled,
            out,
            mass,
            shifts,
        )

    run_strips(task, batch, height, STRIP_ROWS)
    return out, Residuals(image, valid, maps, out, mass, shifts)
