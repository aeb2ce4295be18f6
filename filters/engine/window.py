"""The window core: out(p) = sum_q w(p, q) x(q) / sum_q w(p, q), w = 2^energy, with per-pixel maps.

All is computed in whole blocks of ``BLOCK`` columns (scratch memory is wide enough), so that a pixel's result depends
neither on where a block begins nor on the tile that contains it. The taps of a row are processed in runs of up to four,
as many as a tuple is long. So sums stay in registers over a run, whatever the compiler's limits for unrolling (13
Gtaps/s against 7 for one tap at a time; 2 cores, AVX-512). Written out they compile in two thirds of the time that a
recursion on the tuple took. Means are summed as differences to the centre, so a constant stays exactly that constant.

The last ``len(guides)`` channels of an image may be a guide: range distances are those of the guide, which is not
averaged.

Windows may reach into other planes of a batch (a volume's, or frames). ``slots`` (N, planes) says which images of the
batch lie in the planes of each output's window, NONE where there is none: a plane that isn't there carries no weight.
So the ends of a stack, causal windows, batches of stacks and frames that were moved into place are all the same to the
kernels. The loop over planes is outside of the loop over rows, which is as for one plane.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pkn.filters.engine.borders import OUTSIDE, border_index, mark_rows, pad_rows
from pkn.filters.engine.compile import STACK_ROWS, inlined, kernel, local, store
from pkn.filters.engine.dispatch import coefficients, load, masked, signed, weight
from pkn.filters.engine.math import fma
from pkn.filters.engine.memory import empty
from pkn.filters.engine.threads import run_strips, scratch

BLOCK = 128
LONGEST_RUN = 4
SPAN = BLOCK + LONGEST_RUN - 1  # pixels that a run of taps reads for a block
UNROLLED_CHANNELS = 4
column = np.uintp  # signed columns make Numba emit a wraparound test, which turns vector loads into gathers
STRIP_FLOATS = 1 << 18  # a megabyte: the rows of a window, that are read again and again, are a part of it
NONE = OUTSIDE


class Shape(NamedTuple):
    """The windows of a filter: pixels and planes to either side of the centre, and the distances between them.

    ``border`` is a mode of :mod:`pkn.filters.engine.borders`, for rows and columns; ``border_z`` one for planes, or
    "omit". ``spacing`` is that of planes, rows and columns.
    """

    radius: int
    border: str
    radius_z: int = 0
    border_z: str = "omit"
    causal: bool = False
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def planes(self) -> int:
        """Planes of a window."""
        return self.radius_z + 1 if self.causal else 2 * self.radius_z + 1

    def slots(self, count: int) -> np.ndarray:
        """For each of ``count`` planes of a stack the planes in its window, (count, planes)."""
        mode = "constant" if self.border_z == "omit" else self.border_z
        index = border_index(count, self.radius_z, mode)
        return np.lib.stride_tricks.sliding_window_view(index, 2 * self.radius_z + 1)[:, : self.planes]

    def centre(self, there: np.ndarray) -> int:
        """Which of the planes ``there`` of a window is the centre's."""
        return int(np.searchsorted(there, self.radius_z))

    def steps(self, dtype: Any) -> tuple[Any, Any, Any]:
        """The spacing, for kernels."""
        z, y, x = (dtype.type(step) for step in self.spacing)
        return z, y, x


@inlined
def load_centre(window, mask_channel, maps, y, x, total, ref):
    """Fill ``ref`` with the centre's value by channel and, if there is a mask channel, with its validity.

    For signed weights the value is 0, so that differences to the centre are the values themselves.
    """
    for c in range(total):
        part = window[y, c, x : x + BLOCK]
        for i in range(BLOCK):
            ref[c, i] = 0 if signed(maps) else part[i]
    if mask_channel is not None:
        part = window[y, total, x : x + BLOCK]
        for i in range(BLOCK):
            ref[total, i] = part[i]


@inlined
def _add_tap(window, mask_channel, maps, coef, ref, acc, y, at, i, tap, dz, dr, dc, unrolled, guides):
    """Add a tap to column ``i`` of ``acc``: the weighted difference (C) and the weight."""
    channels = len(unrolled) if len(unrolled) > 0 else acc.shape[0] - 1
    total = channels + len(guides)
    cast = acc.dtype.type
    d2 = cast(0)
    for c in range(channels if len(guides) > 0 else 0, total):
        d = window[y, c, at] - ref[c, i]
        d2 = fma(d, d, d2)
    d2 = masked(d2, mask_channel, ref, total, i)
    w = masked(weight(maps, coef, i, tap, dz, dr, dc, d2), mask_channel, window[y], total, at)
    for c in range(channels):
        acc[c, i] += w * (window[y, c, at] - ref[c, i])
    acc[channels, i] += masked(cast(1), mask_channel, window[y], total, at) if signed(maps) else w


@inlined
def _add_run(window, mask_channel, maps, coef, ref, acc, y, x, tap, dz, dr, dc, step, run, unrolled, guides):
    """Add a run of up to ``LONGEST_RUN`` taps to a block; the compiler drops those that ``run`` is too short for."""
    cast, fixed = acc.dtype.type, (window, mask_channel, maps, coef, ref, acc, y)
    for i in range(BLOCK):
        at = column(x) + column(i)
        _add_tap(*fixed, at, i, tap, dz, dr, dc, unrolled, guides)
        if len(run) > 1:
            _add_tap(*fixed, at + column(1), i, tap + 1, dz, dr, dc + cast(1) * step, unrolled, guides)
        if len(run) > 2:
            _add_tap(*fixed, at + column(2), i, tap + 2, dz, dr, dc + cast(2) * step, unrolled, guides)
        if len(run) > 3:
            _add_tap(*fixed, at + column(3), i, tap + 3, dz, dr, dc + cast(3) * step, unrolled, guides)


@kernel
def average(windows, mask_channel, maps, factors, n, y0, shape, steps, planes, run, rest, unrolled, guides, out, mass):
    """Fill rows ``y0`` ... of ``out`` (N, C, H, W) from padded strips ``windows`` (planes, rows, C, columns).

    ``mask_channel`` is None, or a tuple if windows have one more channel, which is 1 at valid pixels and 0 elsewhere.
    ``factors`` is the number of rows of ``coef``, ``shape`` the radii of planes and of rows, and which of ``windows``
    the centre's is; ``steps`` the distances of planes, rows and columns. ``planes`` are those of the window that
    ``windows`` holds, as numbers from 0. ``run``, ``rest``, ``unrolled`` and ``guides`` are tuples whose lengths are
    compile-time constants: taps in a run, taps in a row's last run, channels that are averaged (empty: not unrolled),
    channels of the guide. ``mass`` (N, H, W) is filled with the sums of weights unless it is empty.
    """
    depth, radius, at = shape
    channels, width, side = out.shape[1], out.shape[3], 2 * radius + 1
    total = channels + len(guides)
    coef = np.empty((factors, BLOCK), windows.dtype)
    ref = local(unrolled, windows, total + 1, BLOCK)
    acc = local(unrolled, windows, channels + 1, BLOCK)
    cast = acc.dtype.type
    for y in range(windows.shape[1] - 2 * radius):
        for x in range(0, width, BLOCK):
            count = min(BLOCK, width - x)
            load(maps, n, y0 + y, x, count, coef)
            coefficients(maps, coef)
            load_centre(windows[at], mask_channel, maps, y + radius, x + radius, total, ref)
            acc[:] = 0
            for p in range(planes.size):
                window, dz = windows[p], cast(planes[p] - depth) * steps[0]
                for r in range(side):
                    for c in range(0, side, len(run)):
                        tap = (planes[p] * side + r) * side + c
                        offset = (dz, cast(r - radius) * steps[1], cast(c - radius) * steps[2], steps[2])
                        fixed = (window, mask_channel, maps, coef, ref, acc, y + r, x + c, tap, *offset)
                        if c + len(run) <= side:
                            _add_run(*fixed, run, unrolled, guides)
                        else:
                            _add_run(*fixed, rest, unrolled, guides)
            for c in range(channels):
                for i in range(BLOCK):
                    value = acc[c, i] if signed(maps) else ref[c, i] + acc[c, i] / acc[channels, i]
                    acc[c, i] = value if acc[channels, i] != 0 else cast(np.nan)
                store(acc[c], count, out[n, c, y0 + y], x)
            if mass.size:
                store(acc[channels], count, mass[n, y0 + y], x)


class Residuals(NamedTuple):
    """What the forward pass keeps for the vjp."""

    image: np.ndarray
    guide: np.ndarray | None
    valid: np.ndarray | None
    maps: Any
    out: np.ndarray
    mass: np.ndarray
    slots: np.ndarray


class Strips:
    """Padded strips of an image in scratch memory, and the constants that kernels are compiled for."""

    def __init__(
        self,
        image: np.ndarray,
        valid: np.ndarray | None,
        radius: int,
        border: str,
        longest_run: int,
        guide: np.ndarray | None = None,
        planes: int = 1,
    ) -> None:
        self.image, self.valid, self.radius = image, valid, radius
        self._sources = (image,) if guide is None else (image, guide)
        _, channels, height, width = image.shape
        guides = 0 if guide is None else guide.shape[1]
        self.total = total = channels + guides
        self.rows = border_index(height, radius, border)
        self.columns = border_index(width, radius, border)
        unrolled = channels <= UNROLLED_CHANNELS and 2 * channels + total < STACK_ROWS
        self.unrolled, self.guides = (0,) * channels if unrolled else (), (0,) * guides
        side = 2 * radius + 1
        runs = -(-side // longest_run)
        self.run = (0,) * -(-side // runs)
        self.rest = (0,) * (side % len(self.run) or len(self.run))
        self.height = max(8, STRIP_FLOATS // (planes * total * width) - 2 * radius)

    def window(self, n: int, start: int, stop: int, name: str, mark: bool = False) -> tuple[np.ndarray, Any]:
        """Return rows ``start`` to ``stop`` of the padded image ``n`` (rows, C, columns), and ``mask_channel``.

        There is a mask channel if a pixel is invalid, or with ``mark``.
        """
        windows, mask_channel = self.windows(np.array([n]), start, stop, name, mark)
        return windows[0], mask_channel

    def windows(
        self, images: np.ndarray, start: int, stop: int, name: str, mark: bool = False
    ) -> tuple[np.ndarray, Any]:
        """As :meth:`window` for several images of the batch, (planes, rows, C, columns)."""
        rows, channels = self.rows[start:stop], self.total
        wide = blocks(self.columns.size) + SPAN
        windows = scratch(name, (images.size, rows.size, channels, wide), self.image.dtype)
        finite = [self._pad(n, rows, window) for n, window in zip(images, windows, strict=True)]
        if all(finite) and self.valid is None and not mark:
            return windows, None
        marked = scratch(name + " marked", (images.size, rows.size, channels + 1, wide), self.image.dtype)
        marked[:, :, :channels] = windows
        valid = np.ones((1, *self.image.shape[2:]), bool) if self.valid is None else self.valid
        for n, window in zip(images, marked, strict=True):
            mark_rows(window, valid, n, rows, self.columns)
        return marked, (0,)

    def _pad(self, n: int, rows: np.ndarray, window: np.ndarray) -> bool:
        """Fill ``window`` (rows, C, columns) with padded rows of the image ``n`` and its guide; if all are finite."""
        first, finite = 0, True
        for source in self._sources:
            finite &= pad_rows(source, min(n, len(source) - 1), rows, self.columns, first, window)
            first += source.shape[1]
        return finite


def blocks(width: int) -> int:
    """Return ``width`` rounded up to whole blocks."""
    return -(-width // BLOCK) * BLOCK


def planes(maps: Any) -> int:
    """Return the number of planes of all maps, which are the rows of factors."""
    return sum(values.shape[1] for values in maps)


def forward(
    image: np.ndarray,
    maps: Any,
    shape: Shape,
    valid: np.ndarray | None = None,
    keep: bool = True,
    guide: np.ndarray | None = None,
    slots: np.ndarray | None = None,
    finish: Callable[[np.ndarray, int, int, int], None] | None = None,
) -> tuple[np.ndarray, Residuals]:
    """Average every window of ``image`` (N, C, H, W).

    ``maps`` is a NamedTuple of arrays (N or 1, planes, H or 1, W or 1) of the image's dtype; ``valid`` is a bool mask
    (N or 1, H, W). ``keep=False`` leaves the residuals' ``mass`` empty. ``guide`` is (N or 1, features, H, W).
    ``slots`` is that of the module's docstring, by default that of one stack; there are as many outputs as it has rows.
    ``finish(out, n, start, stop)`` is called for each strip that is done, while a cache still has it.
    """
    _, channels, height, width = image.shape
    slots = shape.slots(len(image)) if slots is None else slots
    batch, radius = len(slots), shape.radius
    strips = Strips(image, valid, radius, shape.border, LONGEST_RUN, guide, shape.planes)
    out = empty((batch, channels, height, width), image.dtype)
    mass = np.empty((batch, height, width) if keep else (0, 0, 0), image.dtype)
    steps = shape.steps(image.dtype)

    def task(n: int, start: int, stop: int) -> None:
        there = np.flatnonzero(slots[n] != NONE)
        windows, mask_channel = strips.windows(slots[n, there], start, stop + 2 * radius, "window")
        taps = (strips.run, strips.rest, strips.unrolled, strips.guides)
        sizes = (shape.radius_z, radius, shape.centre(there))
        average(windows, mask_channel, maps, planes(maps), n, start, sizes, steps, there, *taps, out, mass)
        if finish:
            finish(out, n, start, stop)

    run_strips(task, batch, height, strips.height)
    return out, Residuals(image, guide, valid, maps, out, mass, slots)


@kernel
def _window_energies(windows, maps, shape, steps, coef, out):
    depth, radius = shape
    side = 2 * radius + 1
    cast = out.dtype.type
    load(maps, 0, 0, 0, 1, coef)
    coefficients(maps, coef)
    for p in range(out.shape[0]):
        for r in range(side):
            for c in range(side):
                d2 = cast(0)
                for k in range(windows.shape[1]):
                    d = windows[p, k, r, c] - windows[depth, k, radius, radius]
                    d2 += d * d
                dz, dr, dc = (
                    cast(p - depth) * steps[0],
                    cast(r - radius) * steps[1],
                    cast(c - radius) * steps[2],
                )
                out[p, r, c] = weight(maps, coef, 0, (p * side + r) * side + c, dz, dr, dc, d2)
    return signed(maps)


def window_weights(windows: np.ndarray, mask: np.ndarray, maps: Any, shape: Shape) -> np.ndarray:
    """Return the normalised weights of one window (planes, C, side, side).

    ``mask`` (planes, side, side) is 1 at valid pixels, and 0 in planes that aren't there.
    """
    radius = shape.radius
    coef = np.empty((planes(maps), BLOCK), windows.dtype)
    out = np.empty(mask.shape, windows.dtype)
    centred = mask[shape.radius_z, radius, radius]
    inputs = windows if centred else np.zeros_like(windows)  # an invalid centre has no value to compare with
    is_signed = _window_energies(inputs, maps, (shape.radius_z, radius), shape.steps(windows.dtype), coef, out)
    out *= mask
    if is_signed:
        return out if mask.any() else out * np.nan
    return out / (out.sum() if out.any() else np.nan)
