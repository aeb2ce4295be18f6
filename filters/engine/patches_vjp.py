"""The vjp of the patch core: a whole image at a time, one offset after another, so that the order of sums is fixed."""

import numpy as np

from pkn.filters.engine.borders import pad_adjoint
from pkn.filters.engine.compile import inlined, kernel
from pkn.filters.engine.dispatch import masked
from pkn.filters.engine.math import exp2
from pkn.filters.engine.patches import HALF_LOG2E, SMALLEST
from pkn.filters.engine.threads import run_strips
from pkn.filters.engine.window import NONE, Residuals, Shape, Strips


@inlined
def _box(values, side, along, sums):
    """Fill ``sums`` (H, W) with the sums of ``values`` (H + side - 1, W + side - 1) over all squares of this side."""
    width = sums.shape[1]
    along[:] = 0
    for j in range(along.shape[0]):
        row = along[j]
        for t in range(side):
            part = values[j, t : t + width]
            for i in range(width):
                row[i] += part[i]
    sums[:] = 0
    for j in range(sums.shape[0]):
        row = sums[j]
        for t in range(side):
            part = along[j + t]
            for i in range(width):
                row[i] += part[i]


@inlined
def _square(centre, window, mask_channel, channels, search, dy, dx, squares, pairs):
    """Fill ``squares`` with |x(q + o) - x(q)|^2 for all pixels of patches; ``pairs`` is 1 where both are valid."""
    for j in range(squares.shape[0]):
        for i in range(squares.shape[1]):
            y, x = j + search, i + search
            total = squares.dtype.type(0)
            for c in range(channels):
                d = window[y + dy, c, x + dx] - centre[y, c, x]
                total += d * d
            if mask_channel is not None:
                pairs[j, i] = window[y + dy, channels, x + dx] * centre[y, channels, x]
            squares[j, i] = total * pairs[j, i]


@kernel
def grad_patches(centre, window, mask_channel, maps, search, patch, out, mass, v_out, v_maps, v_centre, v_window):
    """Add the cotangents of one output by one plane; ``window`` (rows, C, columns) is all of it, padded.

    The padding is ``search + patch``. ``centre`` is the plane of the windows' centres, which may be the same.

    With t = max(0, S / n - 2 sigma^2) and w = exp(-t / h^2): v_h = sum 2 t / h^3 w v_w,
    v_sigma = sum 4 sigma / h^2 w v_w where t > 0, and v_S = -w v_w / (n h^2), the same for all pairs of the patch.
    """
    (channels, height, width), side = out.shape, 2 * patch + 1
    radius, cast = search + patch, window.dtype.type
    h, sigma = maps
    squares = np.empty((height + 2 * patch, width + 2 * patch), window.dtype)
    along = np.empty((height + 2 * patch, width), window.dtype)
    total, count = np.empty((height, width), window.dtype), np.empty((height, width), window.dtype)
    pairs = np.ones_like(squares)
    v_total = np.zeros(
        (height + 4 * patch, width + 4 * patch), window.dtype
    )  # with zeros around, for the adjoint of the box sums
    v_along = np.empty((height + 4 * patch, width + 2 * patch), window.dtype)
    v_squares = np.empty_like(squares)
    _box(pairs, side, along, count)
    for dy in range(-search, search + 1):
        for dx in range(-search, search + 1):
            _square(centre, window, mask_channel, channels, search, dy, dx, squares, pairs)
            _box(squares, side, along, total)
            if mask_channel is not None:
                _box(pairs, side, along, count)
            for y in range(height):
                for x in range(width):
                    n, there = max(count[y, x], cast(1)), window[y + radius + dy]
                    slope = cast(1) / max(h[y, x] * h[y, x], cast(SMALLEST))
                    t = total[y, x] / n - cast(2) * sigma[y, x] * sigma[y, x]
                    w = exp2(cast(-2 * HALF_LOG2E) * slope * max(cast(0), t))
                    w = masked(w, mask_channel, there, channels, x + radius + dx)
                    v_e = cast(0)
                    if mass[y, x] != 0:
                        for c in range(channels):
                            g = v_out[c, y, x] / mass[y, x]
                            v_e += w * g * (there[c, x + radius + dx] - out[c, y, x])
                            v_window[y + radius + dy, c, x + radius + dx] += w * g
                    if t <= 0:
                        v_e = cast(0)
                    v_maps[0, y, x] += cast(2) * v_e * t * slope / max(h[y, x], cast(SMALLEST))
                    v_maps[1, y, x] += cast(4) * v_e * sigma[y, x] * slope
                    v_total[y + 2 * patch, x + 2 * patch] = -v_e * slope / n
            _box(v_total, side, v_along, v_squares)
            for j in range(height + 2 * patch):
                for i in range(width + 2 * patch):
                    y, x = j + search, i + search
                    for c in range(channels):
                        d = window[y + dy, c, x + dx] - centre[y, c, x]
                        v_pair = cast(2) * v_squares[j, i] * pairs[j, i] * d
                        v_window[y + dy, c, x + dx] += v_pair
                        v_centre[y, c, x] -= v_pair


def vjp(residuals: Residuals, v_out: np.ndarray, patch: int, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return the cotangents of the image and of the maps (N, 2, H, W); maps must be in full size."""
    image, _, valid, maps, out, mass, slots = residuals
    count, channels, height, width = image.shape
    batch, search = len(slots), shape.radius
    radius = search + patch
    strips = Strips(image, valid, radius, shape.border, 1)
    size = (height + 2 * radius, channels, width + 2 * radius)
    v_maps = np.zeros((batch, 2, height, width), image.dtype)
    v_windows = np.zeros((batch, shape.planes, *size), image.dtype)  # by outputs, so that threads share nothing

    def task(n: int, start: int, stop: int) -> None:
        there = np.flatnonzero(slots[n] != NONE)
        windows, mask_channel = strips.windows(slots[n, there], 0, height + 2 * radius, "window")
        at = shape.centre(there)
        here = tuple(values[n, 0] for values in maps)
        given = (mask_channel, here, search, patch, out[n], mass[n], v_out[n], v_maps[n], v_windows[n, there[at]])
        for place, window in zip(there, windows, strict=True):
            grad_patches(windows[at], window, *given, v_windows[n, place])

    run_strips(task, batch, 1, 1)
    v_padded = np.zeros((count, *size), image.dtype)
    for n, place in np.argwhere(slots != NONE):
        v_padded[slots[n, place]] += v_windows[n, place]
    return pad_adjoint(np.moveaxis(v_padded, 2, 1), radius, shape.border), v_maps
