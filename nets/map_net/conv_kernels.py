"""The network's layers as kernels: tiles of (channels, rows, columns), columns in whole blocks.

A tile has a margin of one column on either side, which is read and never written. All sums are taken in one order, in
accumulators that the compiler keeps in registers (130 billion multiply-adds a second on one core with AVX-512, where
oneDNN's convolution reaches 97 on the same shapes). Results depend neither on the tile nor on the number of threads,
as long as tiles of the finest level begin at multiples of ROWS rows.

On the finest level, layers as wide as the network are Winograd's convolutions F(4, 3) along columns (Lavin and Gray
2016, arXiv 1509.09308): four rows of a result come from six sums over channels and columns where they would take
twelve. F(2, 3), which takes four for two rows, gained 1.2 times where this gains 1.5 times. On coarser levels, where
there is little to gain, rounding in groups of rows would only double what a part of an image needs around it.
"""

import numpy as np

from pkn.filters.engine.compile import kernel, local, spliced, store
from pkn.filters.engine.math import exp2, fma

BLOCK = 64
WIDE = 512  # columns at once where the weights fill few registers
GROUP = 3  # output channels summed at once: 27 weights and 3 sums fill the registers
ROWS = 4  # of a result, that Winograd's convolution makes together
FROM_WEIGHTS = np.array(  # (sums, 3): points 0, 1, -1, 2, -2 and infinity
    [[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)
column = np.uintp  # signed columns make Numba emit a wraparound test, which turns vector loads into gathers


@kernel
def fold(image, black, scale, side, blocks, first, last, y0, x0, inverse, tile):
    """Fill rows ``first`` to ``last`` of ``tile`` (C down^2, rows, columns) from (``image`` - black) / (4 scale).

    Pixels outside repeat the edge.

    ``y0`` and ``x0`` are the position of the tile's first row and column, in blocks of ``down`` x ``down`` pixels;
    ``down`` is the length of the tuple ``blocks``, as the compiler must know it. ``scale`` is (1, 1), or has a value
    for each block of ``side`` x ``side`` pixels, ``side`` being 1 or ``down``. ``inverse`` (down, columns) is for
    scratch.
    """
    channels, height, width = image.shape
    down = len(blocks)
    rows, columns = -(-height // down), -(-width // down)
    quarter, dark = tile.dtype.type(0.25), tile.dtype.type(black)
    left = min(max(0, -x0), tile.shape[2])
    right = max(left, min(tile.shape[2], width // down - x0))  # from here on, clamped
    outside = tile.shape[2] - right + left
    for r in range(first, last):
        row = min(max(y0 + r, 0), rows - 1)
        for dy in range(down):
            y = min(row * down + dy, height - 1)
            unit = scale[min(y // side, scale.shape[0] - 1)]
            for dx in range(down):
                target = inverse[dx]
                if unit.size == 1:
                    target[:] = quarter / unit[0]
                    continue
                within = target[left:right]
                inner = unit[(x0 + left) * (down // side) :] if left < right else unit
                if side == 1:
                    for j in range(within.size):
                        within[j] = quarter / inner[column(j) * column(down) + column(dx)]
                else:
                    for j in range(within.size):
                        within[j] = quarter / inner[j]
                for n in range(outside):
                    j = n if n < left else right + n - left
                    x = min(min(max(x0 + j, 0), columns - 1) * down + dx, width - 1)
                    target[j] = quarter / unit[x // side]
            for c in range(channels):
                source = image[c, y]
                inner = source[(x0 + left) * down :] if left < right else source
                for dx in range(down):
                    target, factor = tile[(c * down + dy) * down + dx, r], inverse[dx]
                    within, part = target[left:right], factor[left:right]
                    for j in range(within.size):
                        within[j] = (inner[column(j) * column(down) + column(dx)] - dark) * part[j]
                    for n in range(outside):
                        j = n if n < left else right + n - left
                        x = min(min(max(x0 + j, 0), columns - 1) * down + dx, width - 1)
                        target[j] = (source[x] - dark) * factor[j]


@kernel
def begin(bias, slope, noise, coarser, start, stop, y0, x0, tile):
    """Fill rows ``start`` to ``stop`` of ``tile`` with the summands of the first layer.

    They are bias + slope * noise, and ``coarser`` at twice its size.

    ``noise`` (log2 of noise levels) is (inputs, 1, 1) or (inputs, rows, columns) of the image. ``coarser``
    (channels, rows / 2, columns / 2) is enlarged bilinearly, with half-pixel centres and the edge repeated; or empty.
    """
    channels, _, columns = tile.shape
    height, width = coarser.shape[1:]
    cast = tile.dtype.type
    quarter = cast(0.25)
    line = np.empty(columns // 2 + 3, tile.dtype)  # a row of coarser, beginning one pixel left of the tile
    wide = np.zeros(columns + 2, tile.dtype)  # the row enlarged, from an even column on
    enlarged = wide[x0 & 1 :]
    levels = np.empty((noise.shape[0], columns), noise.dtype)
    for r in range(start, stop):
        for k in range(noise.shape[0]):
            here, level = noise[k, min(max(y0 + r, 0), noise.shape[1] - 1)], levels[k]
            first, last = min(max(-x0, 0), columns), max(min(columns, here.size - x0), 0)
            level[:first] = here[0]
            level[last:] = here[here.size - 1]
            if first < last:
                level[first:last] = here[x0 + first : x0 + last]
        y, x = (y0 + r) >> 1, (x0 >> 1) - 1
        for o in range(channels):
            if height:
                near = coarser[o, min(max(y, 0), height - 1)]
                far = coarser[o, min(max(y + 2 * ((y0 + r) & 1) - 1, 0), height - 1)]
                first, last = min(max(-x, 0), line.size), max(min(line.size, width - x), 0)
                inner_near, inner_far = near[max(x, 0) :], far[max(x, 0) :]
                for i in range(last - first):
                    line[first + i] = inner_near[i] + quarter * (inner_far[i] - inner_near[i])
                for i in range(first):
                    line[i] = near[0] + quarter * (far[0] - near[0])
                for i in range(last, line.size):
                    line[i] = near[width - 1] + quarter * (far[width - 1] - near[width - 1])
                for i in range(wide.size // 2):
                    middle, at = line[i + 1], column(2) * column(i)
                    wide[at] = middle + quarter * (line[i] - middle)
                    wide[at + column(1)] = middle + quarter * (line[i + 2] - middle)
            target = tile[o, r]
            for j in range(columns):
                target[j] = bias[o] + enlarged[j]
            for k in range(noise.shape[0]):
                factor, level = slope[o, k], levels[k]
                for j in range(columns):
                    target[j] += factor * level[j]


@kernel
def fill(bias, first, last, tile):
    """Fill rows ``first`` to ``last`` of each channel with its bias."""
    for o in range(tile.shape[0]):
        tile[o, first:last] = bias[o]


@spliced
def add_products(s0, s1, s2, u, v, w, a, b, c):
    """Add to each of three sums (BLOCK,) the products of nine weights with three columns of each of three rows."""
    u0, u1, u2, u3, u4, u5, u6, u7, u8 = u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8]
    v0, v1, v2, v3, v4, v5, v6, v7, v8 = v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8]
    w0, w1, w2, w3, w4, w5, w6, w7, w8 = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]
    for i in range(BLOCK):
        j = column(i)
        p0, p1, p2 = s0[j], s0[j + column(1)], s0[j + column(2)]
        p3, p4, p5 = s1[j], s1[j + column(1)], s1[j + column(2)]
        p6, p7, p8 = s2[j], s2[j + column(1)], s2[j + column(2)]
        t = a[j] + u0 * p0 + u1 * p1 + u2 * p2 + u3 * p3 + u4 * p4 + u5 * p5
        a[j] = t + u6 * p6 + u7 * p7 + u8 * p8
        t = b[j] + v0 * p0 + v1 * p1 + v2 * p2 + v3 * p3 + v4 * p4 + v5 * p5
        b[j] = t + v6 * p6 + v7 * p7 + v8 * p8
        t = c[j] + w0 * p0 + w1 * p1 + w2 * p2 + w3 * p3 + w4 * p4 + w5 * p5
        c[j] = t + w6 * p6 + w7 * p7 + w8 * p8


@kernel
def convolve(source, weight, first, last, y0, x0, height, width, unrolled, out):
    """Add a 3 x 3 convolution of ``source`` to rows ``first`` to ``last`` of ``out``, and apply ReLU; 0 off the image.

    ``weight`` is (GROUP n, channels, 9). ``y0`` and ``x0`` are the position of row 0 and column 0 in an image of
    ``height`` x ``width``. ``unrolled`` is a tuple that isn't empty, for accumulators on the stack.
    """
    sums = local(unrolled, source, GROUP, BLOCK)
    a, b, c = sums[0], sums[1], sums[2]
    zero = source.dtype.type(0)
    left, right = max(0, -x0), min(out.shape[2], width - x0)
    for r in range(first, last):
        if not 0 <= y0 + r < height:
            out[:, r] = 0
            continue
        for x in range(1, out.shape[2] - 1, BLOCK):
            for o in range(0, out.shape[0], GROUP):
                out_a, out_b, out_c = (
                    out[o, r, x : x + BLOCK],
                    out[o + 1, r, x : x + BLOCK],
                    out[o + 2, r, x : x + BLOCK],
                )
                for j in range(BLOCK):
                    a[j], b[j], c[j] = out_a[j], out_b[j], out_c[j]
                for k in range(source.shape[0]):
                    s0 = source[k, r - 1, x - 1 : x + BLOCK + 1]
                    s1 = source[k, r, x - 1 : x + BLOCK + 1]
                    s2 = source[k, r + 1, x - 1 : x + BLOCK + 1]
                    add_products(s0, s1, s2, weight[o, k], weight[o + 1, k], weight[o + 2, k], a, b, c)
                for j in range(BLOCK):
                    out_a[j], out_b[j], out_c[j] = max(a[j], zero), max(b[j], zero), max(c[j], zero)
        out[:, r, :left] = 0
        out[:, r, max(right, 0) :] = 0


@kernel
def convolve_rows(source, weight, bias, first, last, y0, x0, height, width, unrolled, seen, summed, out):
    """Fill rows of ``out`` with a 3 x 3 convolution of ``source``, and ReLU, ROWS rows at a time; 0 off the image.

    As :func:`convolve`, for ``weight`` (sums, GROUP n, channels / 3, 9): 3 columns of 3 channels each. ``y0 + first``
    is a multiple of ROWS. ``seen`` (sums, channels, BLOCK + 2) and ``summed`` (sums, GROUP n, BLOCK) are for scratch.
    """
    sums = local(unrolled, source, GROUP, BLOCK)
    a, b, c = sums[0], sums[1], sums[2]
    cast = source.dtype.type
    zero, two, four, five, eight = cast(0), cast(2), cast(4), cast(5), cast(8)
    left, right = max(0, -x0), min(out.shape[2], width - x0)
    for r in range(first, last, ROWS):
        if y0 + r + ROWS <= 0 or y0 + r >= height:
            out[:, r : r + ROWS] = 0
            continue
        for x in range(1, out.shape[2] - 1, BLOCK):
            for k in range(source.shape[0]):
                d0, d1 = source[k, r - 1, x - 1 : x + BLOCK + 1], source[k, r, x - 1 : x + BLOCK + 1]
                d2, d3 = source[k, r + 1, x - 1 : x + BLOCK + 1], source[k, r + 2, x - 1 : x + BLOCK + 1]
                d4, d5 = source[k, r + 3, x - 1 : x + BLOCK + 1], source[k, r + 4, x - 1 : x + BLOCK + 1]
                s0, s1, s2, s3, s4, s5 = seen[0, k], seen[1, k], seen[2, k], seen[3, k], seen[4, k], seen[5, k]
                for i in range(BLOCK + 2):
                    j = column(i)
                    even, odd = fma(-four, d2[j], d4[j]), fma(-four, d1[j], d3[j])
                    even_2, odd_2 = d4[j] - d2[j], d3[j] - d1[j]
                    s0[j] = fma(four, d0[j], fma(-five, d2[j], d4[j]))
                    s1[j] = even + odd
                    s2[j] = even - odd
                    s3[j] = fma(two, odd_2, even_2)
                    s4[j] = fma(-two, odd_2, even_2)
                    s5[j] = fma(four, d1[j], fma(-five, d3[j], d5[j]))
            for t in range(seen.shape[0]):
                for o in range(0, out.shape[0], GROUP):
                    for j in range(BLOCK):
                        a[j], b[j], c[j] = zero, zero, zero
                    for k in range(weight.shape[2]):
                        s0, s1, s2 = seen[t, 3 * k], seen[t, 3 * k + 1], seen[t, 3 * k + 2]
                        add_products(s0, s1, s2, weight[t, o, k], weight[t, o + 1, k], weight[t, o + 2, k], a, b, c)
                    all_a, all_b, all_c = summed[t, o], summed[t, o + 1], summed[t, o + 2]
                    for j in range(BLOCK):
                        all_a[j], all_b[j], all_c[j] = a[j], b[j], c[j]
            for o in range(out.shape[0]):
                m0, m1, m2 = summed[0, o], summed[1, o], summed[2, o]
                m3, m4, m5 = summed[3, o], summed[4, o], summed[5, o]
                out_0, out_1 = out[o, r, x : x + BLOCK], out[o, r + 1, x : x + BLOCK]
                out_2, out_3 = out[o, r + 2, x : x + BLOCK], out[o, r + 3, x : x + BLOCK]
                add = bias[o]
                for j in range(BLOCK):
                    even, odd, even_2, odd_2 = m1[j] + m2[j], m1[j] - m2[j], m3[j] + m4[j], m3[j] - m4[j]
                    out_0[j] = max(add + (m0[j] + even + even_2), zero)
                    out_1[j] = max(add + fma(two, odd_2, odd), zero)
                    out_2[j] = max(add + fma(four, even_2, even), zero)
                    out_3[j] = max(add + (fma(eight, odd_2, odd) + m5[j]), zero)
        out[:, r : r + ROWS, :left] = 0
        out[:, r : r + ROWS, max(right, 0) :] = 0
        if y0 + r < 0:
            out[:, r:-y0] = 0
        if y0 + r + ROWS > height:
            out[:, height - y0 : r + ROWS] = 0


@kernel
def combine(source, weight, bias, top, margin, unrolled, y0, y1, x0, out):
    """Fill rows ``y0`` to ``y1`` of ``out`` (planes, H, W) from column ``x0`` on: linear combinations of channels.

    ``weight`` and ``bias`` are padded with zeros to a whole group of planes, which ``out`` doesn't have. ``top`` is the
    tile's first row, ``margin`` the number of columns at its edges that are left out.
    """
    sums = local(unrolled, source, GROUP, WIDE)
    a, b, c = sums[0], sums[1], sums[2]
    columns = min(source.shape[2] - 2 * margin, out.shape[2] - x0)
    for r in range(y1 - y0):
        for x in range(0, columns, WIDE):
            count = min(WIDE, columns - x)
            for p in range(0, out.shape[0], GROUP):  # the innermost, so that a cache keeps what all planes read
                u, v, w = weight[p], weight[p + 1], weight[p + 2]
                for j in range(count):
                    a[j], b[j], c[j] = bias[p], bias[p + 1], bias[p + 2]
                here = slice(margin + x, margin + x + count)
                for k in range(0, source.shape[0], 2 * GROUP):
                    s0, s1, s2 = source[k, top + r, here], source[k + 1, top + r, here], source[k + 2, top + r, here]
                    u0, u1, u2 = u[k], u[k + 1], u[k + 2]
                    v0, v1, v2 = v[k], v[k + 1], v[k + 2]
                    w0, w1, w2 = w[k], w[k + 1], w[k + 2]
                    if k + GROUP == source.shape[0]:
                        for j in range(count):
                            a[j] = a[j] + u0 * s0[j] + u1 * s1[j] + u2 * s2[j]
                            b[j] = b[j] + v0 * s0[j] + v1 * s1[j] + v2 * s2[j]
                            c[j] = c[j] + w0 * s0[j] + w1 * s1[j] + w2 * s2[j]
                        continue
                    s3, s4 = source[k + 3, top + r, here], source[k + 4, top + r, here]
                    s5 = source[k + 5, top + r, here]
                    u3, u4, u5 = u[k + 3], u[k + 4], u[k + 5]
                    v3, v4, v5 = v[k + 3], v[k + 4], v[k + 5]
                    w3, w4, w5 = w[k + 3], w[k + 4], w[k + 5]
                    for j in range(count):
                        p0, p1, p2, p3, p4, p5 = s0[j], s1[j], s2[j], s3[j], s4[j], s5[j]
                        a[j] = a[j] + u0 * p0 + u1 * p1 + u2 * p2 + u3 * p3 + u4 * p4 + u5 * p5
                        b[j] = b[j] + v0 * p0 + v1 * p1 + v2 * p2 + v3 * p3 + v4 * p4 + v5 * p5
                        c[j] = c[j] + w0 * p0 + w1 * p1 + w2 * p2 + w3 * p3 + w4 * p4 + w5 * p5
                for g in range(min(GROUP, out.shape[0] - p)):
                    store(sums[g], count, out[p + g, y0 + r], x0 + x)


@kernel
def expand(raw, blocks, low, high, logarithmic, start, stop, out):
    """Fill rows of ``out`` (planes, H, W) with ``raw``, enlarged ``down`` times (bilinear) and mapped to a range.

    ``down`` is the length of the tuple ``blocks``. Half-pixel centres; the edge is repeated. A sigmoid maps to ``low``
    ... ``high``, evenly in the logarithm if ``logarithmic``.
    """
    cast, down = out.dtype.type, len(blocks)
    planes, rows, columns = raw.shape
    line = np.empty(columns + 2, raw.dtype)
    phases = np.empty((down, columns), raw.dtype)
    span = np.log2(high / low) if logarithmic else high - low
    low, span, log2e, most = cast(low), cast(span), cast(np.log2(np.e)), cast(60)
    for p in range(planes):
        for y in range(start, min(stop, out.shape[1])):
            at = (y % down + 0.5) / down - 0.5
            above = y // down + int(np.floor(at))
            below, share = min(above + 1, rows - 1), cast(at - np.floor(at))
            upper, lower = raw[p, max(above, 0)], raw[p, below]
            middle = line[1 : 1 + columns]
            for x in range(columns):
                middle[x] = upper[x] + share * (lower[x] - upper[x])
            line[0], line[columns + 1] = line[1], line[columns]
            for dx in range(down):
                at = (dx + 0.5) / down - 0.5
                skip, part = 1 + int(np.floor(at)), cast(at - np.floor(at))
                before, after, phase = line[skip : skip + columns], line[skip + 1 : skip + 1 + columns], phases[dx]
                for x in range(columns):
                    value = before[x] + part * (after[x] - before[x])
                    value = min(max(value, -most), most)
                    value = cast(1) / (cast(1) + exp2(-value * log2e))
                    phase[x] = low * exp2(span * value) if logarithmic else low + span * value
            target = out[p, y]
            if down == 2:  # in one loop stores to all phases are contiguous
                first, second = phases[0], phases[1]
                for x in range(target.size // 2):
                    target[column(2) * column(x)] = first[x]
                    target[column(2) * column(x) + column(1)] = second[x]
                if target.size % 2:
                    target[target.size - 1] = first[target.size // 2]
            else:
                for dx in range(down):
                    phase = phases[dx]
                    for x in range((target.size - dx + down - 1) // down):
                        target[column(x) * column(down) + column(dx)] = phase[x]


@kernel
def correlate(windows, weight, side, start, unrolled, out):
    """Fill rows of ``out`` (features, H, W) from ``start`` on with linear features of windows.

    ``windows`` (rows + side - 1, C, columns) are padded rows, ``weight`` is (GROUP n, C, side, side), padded with zeros
    to a whole group of features, which ``out`` doesn't have. ``side`` is a tuple of 3 or 5 elements.
    """
    sums = local(unrolled, windows, GROUP, WIDE)
    a, b, c = sums[0], sums[1], sums[2]
    features, _, width = out.shape
    for y in range(windows.shape[0] - len(side) + 1):
        for x in range(0, width, WIDE):
            count = min(WIDE, width - x)
            for o in range(0, features, GROUP):
                sums[:] = 0
                for k in range(windows.shape[1]):
                    for r in range(len(side)):
                        u, v, w = weight[o, k, r], weight[o + 1, k, r], weight[o + 2, k, r]
                        u0, u1, u2, v0, v1, v2, w0, w1, w2 = u[0], u[1], u[2], v[0], v[1], v[2], w[0], w[1], w[2]
                        s = windows[y + r, k, x : x + count + len(side) - 1]
                        if len(side) == 3:
                            for i in range(count):
                                j = column(i)
                                p0, p1, p2 = s[j], s[j + column(1)], s[j + column(2)]
                                a[j] = a[j] + u0 * p0 + u1 * p1 + u2 * p2
                                b[j] = b[j] + v0 * p0 + v1 * p1 + v2 * p2
                                c[j] = c[j] + w0 * p0 + w1 * p1 + w2 * p2
                        else:
                            u3, u4, v3, v4, w3, w4 = u[3], u[4], v[3], v[4], w[3], w[4]
                            for i in range(count):
                                j = column(i)
                                p0, p1, p2 = s[j], s[j + column(1)], s[j + column(2)]
                                p3, p4 = s[j + column(3)], s[j + column(4)]
                                a[j] = a[j] + u0 * p0 + u1 * p1 + u2 * p2 + u3 * p3 + u4 * p4
                                b[j] = b[j] + v0 * p0 + v1 * p1 + v2 * p2 + v3 * p3 + v4 * p4
                                c[j] = c[j] + w0 * p0 + w1 * p1 + w2 * p2 + w3 * p3 + w4 * p4
                for g in range(min(GROUP, features - o)):
                    store(sums[g], count, out[o + g, start + y], x)


@kernel
def look_up(means, knots, values, start, stop, out):
    """Fill rows of ``out`` (parts, H, W) with ``values`` (parts, K) at ``knots`` (K,), for means of 3 x 3 pixels.

    Beyond the first and the last knot their values go on, and the edge of ``means`` (H, W) is repeated. Between them
    the function is a sum of ramps, which takes no search and so no branches.
    """
    height, width = means.shape
    lines = np.empty(width + 2, means.dtype)  # sums of three rows, the edge repeated
    smooth, found = np.empty(width, knots.dtype), np.empty(width, knots.dtype)
    for y in range(start, stop):
        above, here, below = means[max(y - 1, 0)], means[y], means[min(y + 1, height - 1)]
        inner = lines[1 : 1 + width]
        for x in range(width):
            inner[x] = above[x] + here[x] + below[x]
        lines[0], lines[width + 1] = inner[0], inner[width - 1]
        for x in range(width):
            smooth[x] = (lines[x] + lines[x + 1] + lines[x + 2]) / 9
        for p in range(out.shape[0]):
            found[:] = values[p, 0]
            for k in range(knots.size - 1):
                knot, length = knots[k], knots[k + 1] - knots[k]
                slope = (values[p, k + 1] - values[p, k]) / length
                for x in range(width):
                    found[x] += slope * min(max(smooth[x] - knot, 0.0), length)
            target = out[p, y]
            for x in range(width):
                target[x] = found[x]
