"""The vjp of the window core on another grid: one gather by output pixels, one by input rows; no atomics."""

import numpy as np

from pkn.filters.engine.borders import pad_adjoint
from pkn.filters.engine.compile import inlined, kernel, local, store
from pkn.filters.engine.dispatch import coefficients, coefficients_vjp, energy, energy_vjp, load
from pkn.filters.engine.math import exp2, fma
from pkn.filters.engine.output_grid import Axis, resample_adjoint
from pkn.filters.engine.resampling import Grid, Residuals, gather_taps, maps_at, share
from pkn.filters.engine.threads import run_strips
from pkn.filters.engine.window import BLOCK, Strips, column
from pkn.filters.engine.window_vjp import LN2, LONGEST_RUN

STRIP_ROWS = 16


@inlined
def _load_output_grad(n, y, x, count, out, mass, v_out, channels, ref):
    """Fill ``ref`` after the nearest pixel's value: g = v_out / mass (C) and offset = out - value (C)."""
    ref[channels:] = 0
    for c in range(channels):
        for i in range(count):
            total = mass[n, y, x + i]
            if total != 0:
                ref[channels + c, i] = v_out[n, c, y, x + i] / total
                ref[2 * channels + c, i] = out[n, c, y, x + i] - ref[c, i]


@inlined
def _grad_centres_run(run, row, maps, coef, v_coef, shift, part, ref, k, dr, dc, height, unrolled):
    """Add one run of taps to the cotangents of the factors; that of a weight is g (d - offset)."""
    channels = len(unrolled) if len(unrolled) > 0 else ref.shape[0] // 3
    cast = ref.dtype.type
    for i in range(BLOCK):
        for j in range(len(run)):
            at, right = column(k) + column(j), dc + cast(j) - part[i]
            v_w = cast(0)
            for c in range(channels):
                d = row[at, c, i] - ref[c, i]
                v_w = fma(ref[channels + c, i], d - ref[2 * channels + c, i], v_w)
            w = exp2(min(energy(maps, coef, i, 0, cast(0), dr, right, cast(0)) - shift[i], cast(0))) * (
                row[at, channels, i] * height
            )
            energy_vjp(maps, v_coef, i, 0, cast(0), dr, right, cast(0), cast(LN2) * w * v_w)


@kernel
def grad_centres(window, grid, maps, n, y0, y1, run, rest, unrolled, out, mass, shifts, v_out, v_maps):
    """Fill rows ``y0`` to ``y1`` of the maps' cotangents ``v_maps`` (N, planes, out_H, out_W)."""
    channels, width, radius = out.shape[1], out.shape[3], grid.radius
    side, top = 2 * radius + 1, grid.rows.near[y0]
    taps = np.empty((window.shape[0], side, channels + 1, BLOCK), window.dtype)
    coef = np.empty((v_maps.shape[1], BLOCK), window.dtype)
    v_coef = np.empty((v_maps.shape[1], BLOCK), window.dtype)
    shift = np.zeros(BLOCK, window.dtype)
    ref = local(unrolled, window, 3 * channels, BLOCK)
    cast = ref.dtype.type
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
            _load_output_grad(n, y, x, count, out, mass, v_out, channels, ref)
            store(shifts[n, y, x : x + count], count, shift, 0)
            v_coef[:] = 0
            for r in range(side):
                dr = cast(r - radius) - grid.rows.part[y]
                height = share(dr, radius)
                for k in range(0, side, len(run)):
                    dc = cast(k - radius)
                    if k + len(run) <= side:
                        _grad_centres_run(
                            run, here[r], maps, coef, v_coef, shift, part, ref, k, dr, dc, height, unrolled
                        )
                    else:
                        _grad_centres_run(
                            rest, here[r], maps, coef, v_coef, shift, part, ref, k, dr, dc, height, unrolled
                        )
            load(maps, 0, y - y0, x, count, coef)
            coefficients_vjp(maps, coef, v_coef)
            for k in range(v_coef.shape[0]):
                store(v_coef[k], count, v_maps[n, k, y], x)


@inlined
def _prepare_centres(maps, grid, n, y0, x, count, mass, shifts, v_out, prepared):
    """Fill ``prepared`` (rows, planes + 1 + C, BLOCK): factors, shift and g = v_out / mass of output rows ``y0`` ..."""
    channels = v_out.shape[1]
    factors = prepared.shape[1] - 1 - channels
    for j in range(prepared.shape[0]):
        coef, rest, y = prepared[j, :factors], prepared[j, factors:], y0 + j
        load(maps, 0, j, x, count, coef)
        coefficients(maps, coef)
        rest[:] = 0
        store(shifts[n, y, x : x + count], count, rest[0], 0)
        for c in range(channels):
            for i in range(count):
                total = mass[n, y, x + i]
                if total != 0:
                    rest[1 + c, i] = v_out[n, c, y, x + i] / total


@kernel
def grad_neighbours(grid, maps, factors, n, y0, y1, row0, row1, mass, shifts, v_out, v_padded):
    """Fill padded rows ``row0`` to ``row1`` of the image's cotangent from output rows ``y0`` to ``y1``.

    These are all output rows whose windows contain one of the padded rows. Along a row, the sums of all output columns
    are added where their taps read, from left to right.
    """
    channels, width, radius = v_out.shape[1], v_out.shape[3], grid.radius
    side, rows = 2 * radius + 1, grid.rows
    prepared = np.empty((y1 - y0, factors + 1 + channels, BLOCK), v_out.dtype)
    acc = np.empty((side, channels, BLOCK), v_out.dtype)
    counts, w = np.empty((side, BLOCK), v_out.dtype), np.empty(BLOCK, v_out.dtype)
    cast = w.dtype.type
    v_padded[n, :, row0:row1] = 0
    for x in range(0, width, BLOCK):
        near, part = grid.columns.near[x : x + BLOCK], grid.columns.part[x : x + BLOCK]
        _prepare_centres(maps, grid, n, y0, x, min(BLOCK, width - x), mass, shifts, v_out, prepared)
        for k in range(side):
            for i in range(BLOCK):
                counts[k, i] = share(cast(k - radius) - part[i], radius)
        for row in range(row0, row1):
            acc[:] = 0
            for y in range(y0, y1):
                r = row - rows.near[y]
                if r < 0 or r >= side:
                    continue
                coef, shift, g = prepared[y - y0, :factors], prepared[y - y0, factors], prepared[y - y0, factors + 1 :]
                dr = cast(r - radius) - rows.part[y]
                height = share(dr, radius)
                for k in range(side):
                    dc = cast(k - radius)
                    for i in range(BLOCK):
                        e = energy(maps, coef, i, 0, cast(0), dr, dc - part[i], cast(0))
                        w[i] = exp2(min(e - shift[i], cast(0))) * (counts[k, i] * height)
                    for c in range(channels):
                        for i in range(BLOCK):
                            acc[k, c, i] = fma(w[i], g[c, i], acc[k, c, i])
            for k in range(side):
                for c in range(channels):
                    target = v_padded[n, c, row, k:]
                    for i in range(min(BLOCK, width - x)):
                        target[near[i]] += acc[k, c, i]


def vjp(
    residuals: Residuals, v_out: np.ndarray, grid: Grid, border: str, image_too: bool, most: float
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the cotangents of the image (None unless ``image_too``) and of the maps, stacked (N, K, H, W)."""
    image, valid, maps, out, mass, shifts = residuals
    strips = Strips(image, valid, grid.radius, border, LONGEST_RUN)
    v_maps = np.empty((out.shape[0], len(maps), *out.shape[2:]), image.dtype)

    def task(n: int, start: int, stop: int) -> None:
        low, high = grid.rows.near[start], grid.rows.near[stop - 1] + 2 * grid.radius + 1
        window, _ = strips.window(n, low, high, "window")
        prepared, shape = maps_at(maps, n, grid, start, stop, most), (strips.run, strips.rest, strips.unrolled)
        grad_centres(window, grid, prepared, n, start, stop, *shape, out, mass, shifts, v_out, v_maps)

    run_strips(task, out.shape[0], out.shape[2], 2 * STRIP_ROWS)
    v_image = _gather(residuals, v_out, grid, border, most) if image_too else None
    columns = Axis(*(values[: grid.width] for values in grid.columns))
    return v_image, resample_adjoint(v_maps, grid.rows, columns, image.shape[2:])


def _gather(residuals: Residuals, v_out: np.ndarray, grid: Grid, border: str, most: float) -> np.ndarray:
    image, valid, maps, _, mass, shifts = residuals
    batch, channels, height, width = image.shape
    radius, near = grid.radius, grid.rows.near
    v_padded = np.empty((batch, channels, height + 2 * radius, width + 2 * radius), image.dtype)

    def task(n: int, row0: int, row1: int) -> None:
        y0, y1 = np.searchsorted(near, (row0 - 2 * radius, row1))  # near[y] is the first padded row in the window of y
        prepared = maps_at(maps, n, grid, y0, y1, most)
        grad_neighbours(grid, prepared, len(maps), n, y0, y1, row0, row1, mass, shifts, v_out, v_padded)

    run_strips(task, batch, height + 2 * radius, STRIP_ROWS)
    v_image = pad_adjoint(v_padded, radius, border)
    finite = np.isfinite(image).all(1, keepdims=True)
    return np.where(finite if valid is None else finite & valid[:, None], v_image, v_image.dtype.type(0))
