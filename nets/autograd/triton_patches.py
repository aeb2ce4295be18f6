"""The patch core as Triton kernels: non-local means and its vjp; patches are summed from scratch for each pixel.

With S(p, o) the sum over a patch of n values of |x(q + o) - x(q)|^2, t = max(0, S / n - floor) and w = exp(-slope t):
out(p) = x(p) + sum_o w (x(p + o) - x(p)) / sum_o w. ``factors`` (N, 2, H, W) are slope (1 / h^2) and floor (2 sigma^2).

The vjp takes one row of offsets at a time: centres store their weights and the cotangent of each S (:func:`weigh_row`),
which pixels then gather (:func:`gather_row`); no atomics. Scratch memory is (2 search + 1) planes of the image's size.
"""

import triton
import triton.language as tl

from pkn.nets.autograd.triton_window import add, load, minus, plane_size, squared_distance, store, tile, zeros
from pkn.nets.autograd.triton_window_vjp import weight_cotangent


@triton.jit
def patch_mean(like, window, corner, there, wide, size, inside, patch: tl.constexpr, channels: tl.constexpr):
    """Return the mean of |x(q + o) - x(q)|^2 over the patches that begin at ``corner`` and at ``corner + there``."""
    side: tl.constexpr = 2 * patch + 1
    total = tl.zeros_like(like)
    for r in range(side):
        for c in range(side):
            one = load(window + r * wide + c, corner, size, inside, channels)
            other = load(window + r * wide + c, corner + there, size, inside, channels)
            total += squared_distance(one, other, 0)
    return total / (side * side)


@triton.jit
def average_patches(
    window,
    factors,
    out,
    log_mass,
    height,
    width,
    search: tl.constexpr,
    patch: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Fill ``out`` (N, channels, H, W) and ``log_mass`` (N, 1, H, W); ``window`` is padded by search + patch."""
    reach: tl.constexpr = search + patch
    n = tl.program_id(2).to(tl.int64)
    y, x, inside = tile(height, width, rows, columns)
    wide = width + 2 * reach
    size, padded_size = plane_size(height, width), plane_size(height + 2 * reach, wide)
    at, corner = y * width + x, (y + search) * wide + x + search
    window += n * channels * padded_size
    slope = tl.load(factors + 2 * n * size + at, inside, 0)
    floor = tl.load(factors + (2 * n + 1) * size + at, inside, 0)
    own = window + patch * wide + patch  # from a patch's corner to its centre
    centre = load(own, corner, padded_size, inside, channels)
    mass = tl.zeros_like(slope)
    sums = zeros(mass, channels)
    for dy in range(-search, search + 1):
        for dx in range(-search, search + 1):
            offset = dy * wide + dx
            mean = patch_mean(slope, window, corner, offset, wide, padded_size, inside, patch, channels)
            w = tl.exp(-slope * tl.maximum(mean - floor, 0))
            there = load(own, corner + offset, padded_size, inside, channels)
            mass += w
            sums = add(sums, w, minus(there, centre), 0)
    tl.store(log_mass + n * size + at, tl.log(mass), inside)
    store(out + n * channels * size, at, size, inside, add(centre, 1 / mass, sums, 0))


@triton.jit(do_not_specialize=["dy"])
def weigh_row(
    window,
    factors,
    out,
    log_mass,
    v_out,
    v_factors,
    weights,
    v_squares,
    height,
    width,
    dy,
    search: tl.constexpr,
    patch: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Add the offsets (dy, any) to ``v_factors``; fill ``weights`` and ``v_squares`` (N, 2 search + 1, H, W).

    ``weights`` are divided by the mass; ``v_squares`` is the cotangent of each of the squares in S.
    """
    reach: tl.constexpr = search + patch
    side: tl.constexpr = 2 * search + 1
    n = tl.program_id(2).to(tl.int64)
    y, x, inside = tile(height, width, rows, columns)
    wide = width + 2 * reach
    size, padded_size = plane_size(height, width), plane_size(height + 2 * reach, wide)
    at, corner = y * width + x, (y + search) * wide + x + search
    window += n * channels * padded_size
    v_factors += 2 * n * size
    slope = tl.load(factors + 2 * n * size + at, inside, 0)
    floor = tl.load(factors + (2 * n + 1) * size + at, inside, 0)
    logarithm = tl.load(log_mass + n * size + at, inside, 0)
    g = load(v_out + n * channels * size, at, size, inside, channels)
    mean_out = load(out + n * channels * size, at, size, inside, channels)
    v_slope = tl.load(v_factors + at, inside, 0)
    v_floor = tl.load(v_factors + size + at, inside, 0)
    for dx in range(-search, search + 1):
        offset = dy * wide + dx
        mean = patch_mean(slope, window, corner, offset, wide, padded_size, inside, patch, channels)
        t = tl.maximum(mean - floor, 0)
        w = tl.exp(-slope * t - logarithm)
        there = load(window + patch * wide + patch, corner + offset, padded_size, inside, channels)
        v_e = w * weight_cotangent(g, there, mean_out, channels)
        v_slope -= t * v_e
        v_t = tl.where(mean > floor, -slope * v_e, 0)
        v_floor -= v_t
        plane = (n * side + dx + search) * size
        tl.store(weights + plane + at, w, inside)
        tl.store(v_squares + plane + at, v_t / ((2 * patch + 1) * (2 * patch + 1)), inside)
    tl.store(v_factors + at, v_slope, inside)
    tl.store(v_factors + size + at, v_floor, inside)


@triton.jit
def patch_sum(like, values, y, x, height, width, patch: tl.constexpr):
    """Return the sum of a plane (H, W) over the patches around (y, x); 0 outside."""
    total = tl.zeros_like(like)
    for r in range(-patch, patch + 1):
        for c in range(-patch, patch + 1):
            inside = (y + r >= 0) & (y + r < height) & (x + c >= 0) & (x + c < width)
            total += tl.load(values + ((y + r) * width + x + c), inside, 0)
    return total


@triton.jit(do_not_specialize=["dy"])
def gather_row(
    window,
    v_out,
    v_window,
    weights,
    v_squares,
    height,
    width,
    dy,
    search: tl.constexpr,
    patch: tl.constexpr,
    channels: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
):
    """Add the offsets (dy, any) to ``v_window`` (of the padded size).

    A pixel is the first and the second of pairs (q, q + o), and it is averaged by the centre at -o.
    """
    reach: tl.constexpr = search + patch
    side: tl.constexpr = 2 * search + 1
    n = tl.program_id(2).to(tl.int64)
    wide, high = width + 2 * reach, height + 2 * reach
    y, x, inside = tile(high, wide, rows, columns)
    size, padded_size = plane_size(height, width), plane_size(high, wide)
    here = y * wide + x
    window += n * channels * padded_size
    v_window += n * channels * padded_size
    values = load(window, here, padded_size, inside, channels)
    v_values = load(v_window, here, padded_size, inside, channels)
    for dx in range(-search, search + 1):
        plane = (n * side + dx + search) * size
        row, column = y - reach - dy, x - reach - dx
        centre = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        w = tl.load(weights + plane + row * width + column, centre, 0)
        g = load(v_out + n * channels * size, row * width + column, size, centre, channels)
        ahead = (y + dy >= 0) & (y + dy < high) & (x + dx >= 0) & (x + dx < wide)
        behind = (y - dy >= 0) & (y - dy < high) & (x - dx >= 0) & (x - dx < wide)
        to = load(window, here + (dy * wide + dx), padded_size, inside & ahead, channels)
        since = load(window, here - (dy * wide + dx), padded_size, inside & behind, channels)
        v_to = 2 * patch_sum(values[0], v_squares + plane, y - reach, x - reach, height, width, patch)
        v_since = 2 * patch_sum(values[0], v_squares + plane, row, column, height, width, patch)
        v_values = add(v_values, w, g, 0)
        v_values = add(v_values, v_since, minus(values, since), 0)
        v_values = add(v_values, -v_to, minus(to, values), 0)
    store(v_window, here, padded_size, inside, v_values)
