"""The vjp of the window core as Triton kernels: two gathers, one by centres and one by their neighbours."""

import triton
import triton.language as tl

from pkn.nets.autograd.triton_window import (
    add,
    energy,
    factors_of_tap,
    load,
    minus,
    plane_size,
    squared_distance,
    store,
    tanh,
    tile,
    zeros,
)


@triton.jit
def weight_cotangent(g, there, mean_out, channels: tl.constexpr):
    """Return the inner product of g and there - mean_out: the cotangent of a weight."""
    total = tl.zeros_like(g[0])
    for k in tl.static_range(channels):
        total += g[k] * (there[k] - mean_out[k])
    return total


@triton.jit
def grad_neighbours(
    window,
    factors,
    out,
    log_mass,
    v_out,
    v_window,
    height,
    width,
    radius: tl.constexpr,
    channels: tl.constexpr,
    total: tl.constexpr,
    planes: tl.constexpr,
    shape: tl.constexpr,
    ranged: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``v_window`` (N, total, H + 2 radius, W + 2 radius): cotangents of pixels as neighbours of centres.

    Positions outside the image are no centres: all their values are read as 0, and they add nothing.
    """
    side: tl.constexpr = 2 * radius + 1
    free: tl.constexpr = shape == "softmax" or shape == "tanh"
    metric: tl.constexpr = channels if total > channels else 0
    n = tl.program_id(2).to(tl.int64)
    wide = width + 2 * radius
    y, x, inside = tile(height + 2 * radius, wide, rows, columns)
    size, padded_size = plane_size(height, width), plane_size(height + 2 * radius, wide)
    here, first = y * wide + x, y * width + x
    window += n * total * padded_size
    factors += n * planes * size
    values = load(window, here, padded_size, inside, total)
    v_values = zeros(values[0], total)
    for r in range(side):
        for c in range(side):
            is_centre = (y >= r) & (y - r < height) & (x >= c) & (x - c < width)
            at = first - (r * width + c)
            g = load(v_out + n * channels * size, at, size, is_centre, channels)
            constant = load(factors, at, size, is_centre, 0 if free else planes)
            coef = factors_of_tap(constant, factors, at, size, is_centre, r * side + c, free)
            centre = load(
                window, here + (radius - r) * wide + (radius - c), padded_size, is_centre, total if ranged else 0
            )
            e = energy(coef, r - radius, c - radius, values, centre, metric, shape, ranged)
            w = tanh(e) if shape == "tanh" else tl.exp(e - tl.load(log_mass + n * size + at, is_centre, 0))
            v_values = add(v_values, w, g, 0)
            if ranged:
                mean_out = load(out + n * channels * size, at, size, is_centre, channels)
                v_d2 = 2 * w * weight_cotangent(g, values, mean_out, channels) * coef[planes - 1]
                v_values = add(v_values, v_d2, minus(values, centre), metric)
    store(v_window + n * total * padded_size, here, padded_size, inside, v_values)


@triton.jit
def grad_centres(
    window,
    factors,
    out,
    log_mass,
    v_out,
    v_window,
    v_factors,
    height,
    width,
    radius: tl.constexpr,
    channels: tl.constexpr,
    total: tl.constexpr,
    planes: tl.constexpr,
    shape: tl.constexpr,
    ranged: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``v_factors`` (N, planes, H, W), and add to ``v_window``, if it isn't None, the centres' own cotangents.

    These come from the range distances, in which centres are compared with their neighbours.
    """
    side: tl.constexpr = 2 * radius + 1
    free: tl.constexpr = shape == "softmax" or shape == "tanh"
    metric: tl.constexpr = channels if total > channels else 0
    n = tl.program_id(2).to(tl.int64)
    y, x, inside = tile(height, width, rows, columns)
    wide = width + 2 * radius
    size, padded_size = plane_size(height, width), plane_size(height + 2 * radius, wide)
    at, corner = y * width + x, y * wide + x
    window += n * total * padded_size
    factors += n * planes * size
    v_factors += n * planes * size
    centre = load(window + radius * wide + radius, corner, padded_size, inside, total)
    constant = load(factors, at, size, inside, 0 if free else planes)
    g = load(v_out + n * channels * size, at, size, inside, channels)
    mean_out = zeros(g[0], channels)
    logarithm = mean_out[0]
    if shape != "tanh":
        mean_out = load(out + n * channels * size, at, size, inside, channels)
        logarithm = tl.load(log_mass + n * size + at, inside, 0)
    v_coef = zeros(g[0], 0 if free else planes)
    v_centre = zeros(g[0], total)
    for r in range(side):
        for c in range(side):
            dr, dc = r - radius, c - radius
            there = load(window + r * wide + c, corner, padded_size, inside, total)
            coef = factors_of_tap(constant, factors, at, size, inside, r * side + c, free)
            e = energy(coef, dr, dc, there, centre, metric, shape, ranged)
            if shape == "tanh":
                w = tanh(e)
                v_e = (1 - w * w) * weight_cotangent(g, there, mean_out, channels)
            else:
                v_e = tl.exp(e - logarithm) * weight_cotangent(g, there, mean_out, channels)
            if free:
                tl.store(v_factors + (r * side + c) * size + at, v_e, inside)
            elif shape == "isotropic":
                v_coef = add(v_coef, v_e, (dr * dr + dc * dc,), 0)
            else:
                v_coef = add(v_coef, v_e, (dc * dc, dr * dr, dr * dc), 0)
            if ranged:
                d = minus(there, centre)
                v_coef = v_coef[: planes - 1] + (v_coef[planes - 1] + v_e * squared_distance(there, centre, metric),)
                v_centre = add(v_centre, -2 * v_e * coef[planes - 1], d, metric)
    if not free:
        store(v_factors, at, size, inside, v_coef)
    if ranged and v_window is not None:
        v_window += n * total * padded_size + radius * wide + radius
        for k in tl.static_range(metric, total):
            own = tl.load(v_window + k * padded_size + corner, inside, 0)
            tl.store(v_window + k * padded_size + corner, own + v_centre[k], inside)
