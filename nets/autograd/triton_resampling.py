"""Upsampling by anisotropic Gaussians as Triton kernels: a gather forwards; by centres and by neighbours in the vjp.

A position of the output lies in the input's row ``near`` of an axis, ``part`` beyond that row's centre. The weight of a
tap is exp(energy) times the share of its pixel inside the window; weights are divided by the largest one, so that not
all of them underflow. Row j of the padded input is in the windows of output positions ``begin[j]`` up to ``end[j]``, at
most ``most`` of them.
"""

import triton
import triton.language as tl

from pkn.nets.autograd.triton_window import add, energy, load, minus, plane_size, store, tile, zeros
from pkn.nets.autograd.triton_window_vjp import weight_cotangent


@triton.jit
def share_inside(dr, dc, radius: tl.constexpr):
    """Return the share of a pixel at this distance that is inside the window."""
    rows = tl.minimum(tl.maximum(radius + 0.5 - tl.abs(dr), 0), 1)
    return rows * tl.minimum(tl.maximum(radius + 0.5 - tl.abs(dc), 0), 1)


@triton.jit
def energy_at(coef, dr, dc):
    """Return the natural logarithm of the Gaussian."""
    return energy(coef, dr, dc, coef, coef, 0, "anisotropic", False)


@triton.jit
def average_up(
    window,
    factors,
    out,
    log_mass,
    near_y,
    part_y,
    near_x,
    part_x,
    height,
    width,
    high,
    wide,
    radius: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``out`` (N, C, height, width) and ``log_mass`` (N, 1, height, width); the window is ``high`` by ``wide``."""
    side: tl.constexpr = 2 * radius + 1
    n = tl.program_id(2).to(tl.int64)
    y, x, inside = tile(height, width, rows, columns)
    size, padded_size, at = plane_size(height, width), plane_size(high, wide), y * width + x
    window += n * channels * padded_size
    corner = tl.load(near_y + y, y < height, 0) * wide + tl.load(near_x + x, x < width, 0)
    from_y, from_x = tl.load(part_y + y, y < height, 0), tl.load(part_x + x, x < width, 0)
    coef = load(factors + n * 3 * size, at, size, inside, 3)
    top = tl.zeros_like(coef[0]) + float("-inf")
    for r in range(side):
        for c in range(side):
            dr, dc = r - radius - from_y, c - radius - from_x
            top = tl.where(share_inside(dr, dc, radius) > 0, tl.maximum(top, energy_at(coef, dr, dc)), top)
    centre = load(window + radius * wide + radius, corner, padded_size, inside, channels)
    mass = tl.zeros_like(coef[0])
    sums = zeros(mass, channels)
    for r in range(side):
        for c in range(side):
            dr, dc = r - radius - from_y, c - radius - from_x
            w = tl.exp(tl.minimum(energy_at(coef, dr, dc) - top, 0)) * share_inside(dr, dc, radius)
            there = load(window + r * wide + c, corner, padded_size, inside, channels)
            mass += w
            sums = add(sums, w, minus(there, centre), 0)
    tl.store(log_mass + n * size + at, top + tl.log(mass), inside)
    store(out + n * channels * size, at, size, inside, add(centre, 1 / mass, sums, 0))


@triton.jit
def grad_centres_up(
    window,
    factors,
    out,
    log_mass,
    v_out,
    v_factors,
    near_y,
    part_y,
    near_x,
    part_x,
    height,
    width,
    high,
    wide,
    radius: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``v_factors`` (N, 3, height, width)."""
    side: tl.constexpr = 2 * radius + 1
    n = tl.program_id(2).to(tl.int64)
    y, x, inside = tile(height, width, rows, columns)
    size, padded_size, at = plane_size(height, width), plane_size(high, wide), y * width + x
    window += n * channels * padded_size
    corner = tl.load(near_y + y, y < height, 0) * wide + tl.load(near_x + x, x < width, 0)
    from_y, from_x = tl.load(part_y + y, y < height, 0), tl.load(part_x + x, x < width, 0)
    coef = load(factors + n * 3 * size, at, size, inside, 3)
    g = load(v_out + n * channels * size, at, size, inside, channels)
    mean_out = load(out + n * channels * size, at, size, inside, channels)
    logarithm = tl.load(log_mass + n * size + at, inside, 0)
    v_coef = zeros(logarithm, 3)
    for r in range(side):
        for c in range(side):
            dr, dc = r - radius - from_y, c - radius - from_x
            share = share_inside(dr, dc, radius)
            w = tl.where(share > 0, tl.exp(energy_at(coef, dr, dc) - logarithm) * share, 0)
            there = load(window + r * wide + c, corner, padded_size, inside, channels)
            v_coef = add(v_coef, w * weight_cotangent(g, there, mean_out, channels), (dc * dc, dr * dr, dr * dc), 0)
    store(v_factors + n * 3 * size, at, size, inside, v_coef)


@triton.jit
def grad_neighbours_up(
    factors,
    log_mass,
    v_out,
    v_window,
    near_y,
    part_y,
    near_x,
    part_x,
    begin_y,
    end_y,
    begin_x,
    end_x,
    height,
    width,
    high,
    wide,
    most_y: tl.constexpr,
    most_x: tl.constexpr,
    radius: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``v_window`` (N, C, high, wide)."""
    n = tl.program_id(2).to(tl.int64)
    row, column, inside = tile(high, wide, rows, columns)
    size, padded_size = plane_size(height, width), plane_size(high, wide)
    factors += n * 3 * size
    first_y, last_y = tl.load(begin_y + row, row < high, 0), tl.load(end_y + row, row < high, 0)
    first_x, last_x = tl.load(begin_x + column, column < wide, 0), tl.load(end_x + column, column < wide, 0)
    v_values = zeros(tl.zeros((rows, columns), v_window.dtype.element_ty), channels)
    for i in range(most_y):
        y, here_y = first_y + i, first_y + i < last_y
        dr = row - radius - tl.load(near_y + y, here_y, 0) - tl.load(part_y + y, here_y, 0)
        for k in range(most_x):
            x, here_x = first_x + k, first_x + k < last_x
            dc = column - radius - tl.load(near_x + x, here_x, 0) - tl.load(part_x + x, here_x, 0)
            here, at = here_y & here_x, y * width + x
            share = tl.where(here, share_inside(dr, dc, radius), 0)
            coef = load(factors, at, size, here, 3)
            e = energy_at(coef, dr, dc) - tl.load(log_mass + n * size + at, here, 0)
            g = load(v_out + n * channels * size, at, size, here, channels)
            v_values = add(v_values, tl.where(share > 0, tl.exp(e) * share, 0), g, 0)
    store(v_window + n * channels * padded_size, row * wide + column, padded_size, inside, v_values)
