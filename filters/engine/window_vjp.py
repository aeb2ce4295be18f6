"""The vjp of the window core: two gathers, one by centres and one by their neighbours; no atomics."""

import numpy as np

from pkn.filters.engine.borders import pad_adjoint
from pkn.filters.engine.compile import inlined, kernel, local, store
from pkn.filters.engine.dispatch import (
    coefficients,
    coefficients_vjp,
    energy_vjp,
    load,
    masked,
    range_factor,
    signed,
    weight,
)
from pkn.filters.engine.math import fma
from pkn.filters.engine.threads import run_strips, scratch
from pkn.filters.engine.window import BLOCK, NONE, Residuals, Shape, Strips, blocks, column, load_centre, planes

LONGEST_RUN = 2  # beyond about 300 instructions the compiler neither unrolls a run nor vectorises its block
LN2 = float(np.log(2))


@inlined
def _load_output_grad(maps, n, y, x, count, out, mass, v_out, total, ref):
    """Fill ``ref`` after the centre: g = v_out / mass (C) and offset = out - centre (C).

    The cotangent of a weight is g (d - offset), d the difference of its pixel to the centre.
    """
    g, offset = total + 1, total + 1 + out.shape[1]
    for c in range(out.shape[1]):
        for i in range(BLOCK):
            ref[g + c, i] = 0
            ref[offset + c, i] = 0
        for i in range(count):
            total = mass[n, y, x + i]
            if total != 0:
                ref[g + c, i] = v_out[n, c, y, x + i] if signed(maps) else v_out[n, c, y, x + i] / total
                ref[offset + c, i] = 0 if signed(maps) else out[n, c, y, x + i] - ref[c, i]


@inlined
def _grad_centres_run(
    window, mask_channel, maps, coef, v_coef, ref, acc, y, x, tap, dz, dr, dc, step, run, unrolled, guides
):
    """Add one run of taps to the cotangents of the factors (``v_coef``) and of the centre's own value (``acc``)."""
    total = len(unrolled) + len(guides) if len(unrolled) > 0 else acc.shape[0]
    channels = total - len(guides)
    metric = channels if len(guides) > 0 else 0
    cast = acc.dtype.type
    for i in range(BLOCK):
        for k in range(len(run)):
            at = column(x) + column(i) + column(k)
            d2 = cast(0)
            v_w = cast(0)
            for c in range(metric, total):
                d = window[y, c, at] - ref[c, i]
                d2 = fma(d, d, d2)
            for c in range(channels):
                d = window[y, c, at] - ref[c, i]
                v_w = fma(ref[total + 1 + c, i], d - ref[total + 1 + channels + c, i], v_w)
            d2 = masked(d2, mask_channel, ref, total, i)
            v_e = masked(v_w, mask_channel, window[y], total, at)
            if not signed(maps):
                v_e *= cast(LN2) * weight(maps, coef, i, tap + k, dz, dr, dc + cast(k) * step, d2)
            energy_vjp(maps, v_coef, i, tap + k, dz, dr, dc + cast(k) * step, d2, v_e)
            v_d2 = masked(v_e * range_factor(maps, coef, i), mask_channel, ref, total, i)
            for c in range(metric, total):
                acc[c, i] -= cast(2) * v_d2 * (window[y, c, at] - ref[c, i])


@kernel
def grad_centres(
    windows,
    mask_channel,
    maps,
    n,
    y0,
    shape,
    steps,
    planes,
    run,
    rest,
    unrolled,
    guides,
    out,
    mass,
    v_out,
    v_maps,
    v_centre,
):
    """Fill the cotangents that every pixel has as a centre: of its maps' planes, and of its own value in ``d2``.

    Arguments are those of :func:`pkn.filters.engine.window.average`.
    """
    depth, radius, at = shape
    total, width, side = v_centre.shape[1], out.shape[3], 2 * radius + 1
    coef = np.empty((v_maps.shape[1], BLOCK), windows.dtype)
    v_coef = np.empty((v_maps.shape[1], BLOCK), windows.dtype)
    ref = local(unrolled, windows, 2 * out.shape[1] + total + 1, BLOCK)
    acc = local(unrolled, windows, total, BLOCK)
    cast = acc.dtype.type
    for y in range(windows.shape[1] - 2 * radius):
        for x in range(0, width, BLOCK):
            count = min(BLOCK, width - x)
            load(maps, n, y0 + y, x, count, coef)
            coefficients(maps, coef)
            load_centre(windows[at], mask_channel, maps, y + radius, x + radius, total, ref)
            _load_output_grad(maps, n, y0 + y, x, count, out, mass, v_out, total, ref)
            acc[:] = 0
            v_coef[:] = 0
            for p in range(planes.size):
                window, dz = windows[p], cast(planes[p] - depth) * steps[0]
                for r in range(side):
                    for c in range(0, side, len(run)):
                        tap = (planes[p] * side + r) * side + c
                        offset = (dz, cast(r - radius) * steps[1], cast(c - radius) * steps[2], steps[2])
                        fixed = (window, mask_channel, maps, coef, v_coef, ref, acc, y + r, x + c, tap, *offset)
                        if c + len(run) <= side:
                            _grad_centres_run(*fixed, run, unrolled, guides)
                        else:
                            _grad_centres_run(*fixed, rest, unrolled, guides)
            load(maps, n, y0 + y, x, count, coef)
            coefficients_vjp(maps, coef, v_coef)
            for k in range(v_coef.shape[0]):
                store(v_coef[k], count, v_maps[n, k, y0 + y], x)
            for c in range(total):
                store(acc[c], count, v_centre[n, c, y0 + y], x)


@kernel
def prepare_centres(own, mask_channel, maps, n, y0, radius, coefs, refs, skip, unrolled, guides, out, mass, v_out):
    """Fill ``coefs`` and ``refs`` (rows, planes, columns) from row ``skip`` on: factors and ``ref`` of rows of centres.

    ``own`` is the padded strip of the centres' rows. Around them all is 0: positions that are no centres have g = 0
    and add nothing.
    """
    total, width, left = out.shape[1] + len(guides), out.shape[3], 2 * radius
    coef = np.empty((coefs.shape[1], BLOCK), own.dtype)
    ref = local(unrolled, own, 2 * out.shape[1] + total + 1, BLOCK)
    ref[:] = 1
    coefs[:] = 0
    refs[:] = 0
    for j in range(own.shape[0]):
        for x in range(0, width, BLOCK):
            count = min(BLOCK, width - x)
            load(maps, n, y0 + j, x, count, coef)
            coefficients(maps, coef)
            load_centre(own, mask_channel, maps, j, x + radius, total, ref)
            _load_output_grad(maps, n, y0 + j, x, count, out, mass, v_out, total, ref)
            for k in range(coef.shape[0]):
                store(coef[k], count, coefs[skip + j, k], left + x)
            for k in range(ref.shape[0]):
                store(ref[k], count, refs[skip + j, k], left + x)


@inlined
def _grad_neighbours_run(
    window, mask_channel, maps, coef, ref, acc, y, x, first, tap, dz, dr, dc, step, run, unrolled, guides
):
    """Add to the pixels' cotangents one run of taps of the centres around; the centre of tap k is ``first - k``."""
    total = len(unrolled) + len(guides) if len(unrolled) > 0 else acc.shape[0]
    channels = total - len(guides)
    metric = channels if len(guides) > 0 else 0
    cast = acc.dtype.type
    for i in range(BLOCK):
        for k in range(len(run)):
            at = column(x) + column(i)
            p = column(first) + column(i) - column(k)
            d2 = cast(0)
            v_w = cast(0)
            for c in range(metric, total):
                d = window[y, c, at] - ref[c, p]
                d2 = fma(d, d, d2)
            for c in range(channels):
                d = window[y, c, at] - ref[c, p]
                v_w = fma(ref[total + 1 + c, p], d - ref[total + 1 + channels + c, p], v_w)
            d2 = masked(d2, mask_channel, ref, total, p)
            w = masked(
                weight(maps, coef, p, tap + k, dz, dr, dc + cast(k) * step, d2), mask_channel, window[y], total, at
            )
            v_d2 = masked(cast(2 * LN2) * w * v_w * range_factor(maps, coef, p), mask_channel, ref, total, p)
            for c in range(channels):
                acc[c, i] = fma(w, ref[total + 1 + c, p], acc[c, i])
            for c in range(metric, total):
                acc[c, i] = fma(v_d2, window[y, c, at] - ref[c, p], acc[c, i])


@kernel
def grad_neighbours(
    window, mask_channel, maps, m, y0, shape, steps, planes, run, rest, unrolled, guides, coefs, refs, v_padded
):
    """Fill the cotangents that padded pixels of image ``m`` have as neighbours of centres; ``window`` has their rows.

    ``coefs`` and ``refs`` hold the centres of some outputs, in whose windows the image has the places ``planes``.
    """
    depth, radius = shape
    total, width, side = v_padded.shape[1], v_padded.shape[3], 2 * radius + 1
    acc = local(unrolled, window, total, BLOCK)
    cast = acc.dtype.type
    for j in range(window.shape[0]):
        for x in range(0, width, BLOCK):
            count = min(BLOCK, width - x)
            acc[:] = 0
            for p in range(planes.size):
                dz = cast(planes[p] - depth) * steps[0]
                for r in range(side):
                    for c in range(0, side, len(run)):
                        tap = (planes[p] * side + r) * side + c
                        offset = (dz, cast(r - radius) * steps[1], cast(c - radius) * steps[2], steps[2])
                        row, first = j + 2 * radius - r, x + 2 * radius - c
                        centres = (coefs[p, row], refs[p, row])
                        fixed = (window, mask_channel, maps, *centres, acc, j, x, first, tap, *offset)
                        if c + len(run) <= side:
                            _grad_neighbours_run(*fixed, run, unrolled, guides)
                        else:
                            _grad_neighbours_run(*fixed, rest, unrolled, guides)
            for c in range(total):
                store(acc[c], count, v_padded[m, c, y0 + j], x)


def vjp(
    residuals: Residuals, v_out: np.ndarray, shape: Shape, image_too: bool = True
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the cotangents of the image and its guide (None unless ``image_too``), and of the maps, (N, K, H, W)."""
    image, guide, valid, maps, out, mass, slots = residuals
    batch, (height, width) = len(slots), image.shape[2:]
    radius = shape.radius
    strips = Strips(image, valid, radius, shape.border, LONGEST_RUN, guide, shape.planes)
    v_maps = np.empty((batch, planes(maps), height, width), image.dtype)
    v_centre = np.empty((batch, strips.total, height, width), image.dtype)
    steps = shape.steps(image.dtype)

    def task(n: int, start: int, stop: int) -> None:
        there = np.flatnonzero(slots[n] != NONE)
        windows, mask_channel = strips.windows(slots[n, there], start, stop + 2 * radius, "window", _marked(image))
        taps = (strips.run, strips.rest, strips.unrolled, strips.guides)
        fixed = (n, start, (shape.radius_z, radius, shape.centre(there)), steps, there, *taps)
        grad_centres(windows, mask_channel, maps, *fixed, out, mass, v_out, v_maps, v_centre)

    run_strips(task, batch, height, strips.height)
    if not image_too:
        return None, v_maps
    v_image = _gather(residuals, v_out, strips, shape)
    for n, m in enumerate(
        slots[:, shape.radius_z]
    ):  # in the order of the outputs, on one thread: sums are reproducible
        v_image[m] += v_centre[n]
    return v_image, v_maps


def _marked(image: np.ndarray) -> bool:
    """Whether there always is a mask channel: in double precision, for checks, half as many kernels compile."""
    return image.dtype == np.float64


def _gather(residuals: Residuals, v_out: np.ndarray, strips: Strips, shape: Shape) -> np.ndarray:
    image, _, _, maps, out, mass, slots = residuals
    (count, _, height, width), total = image.shape, strips.total
    radius, sizes, steps = shape.radius, (shape.radius_z, shape.radius), shape.steps(image.dtype)
    centres, factors = slots[:, shape.radius_z], planes(maps)
    v_padded = np.empty((count, total, height + 2 * radius, width + 2 * radius), image.dtype)
    wide = blocks(width + 2 * radius) + 2 * radius

    def task(m: int, start: int, stop: int) -> None:
        # Row j is in the windows of centres of rows j - 2 radius ... j; row p of centres is padded row p + radius.
        low, high = max(start - 2 * radius, 0), min(stop, height)
        outputs, places = np.ascontiguousarray(np.nonzero(slots == m))
        rows, skip = (low + radius, high + radius), low - start + 2 * radius
        own, own_mask_channel = strips.windows(centres[outputs], *rows, "own", _marked(image))
        window, mask_channel = strips.window(m, start, stop, "window", mark=own_mask_channel is not None)
        room = (outputs.size, stop - start + 2 * radius)
        coefs = scratch("coefs", (*room, factors, wide), image.dtype)
        refs = scratch("refs", (*room, 2 * out.shape[1] + total + 1, wide), image.dtype)
        prepared = (skip, strips.unrolled, strips.guides, out, mass, v_out)
        for k, n in enumerate(outputs):
            prepare_centres(own[k], own_mask_channel, maps, n, low, radius, coefs[k], refs[k], *prepared)
        taps = (strips.run, strips.rest, strips.unrolled, strips.guides)
        fixed = (m, start, sizes, steps, places, *taps)
        grad_neighbours(window, mask_channel, maps, *fixed, coefs, refs, v_padded)

    run_strips(task, count, height + 2 * radius, strips.height)
    return pad_adjoint(v_padded, radius, shape.border)
