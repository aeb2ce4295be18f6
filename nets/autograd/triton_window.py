"""The window core as Triton kernels: a program computes a tile of pixels of one image, with a loop over the window.

Images are padded, so that windows have no edges. If there is a guide, it is the last channels: range distances are
those of the guide, which isn't averaged. Energies are linear in ``factors`` (N, planes, H, W):

    "isotropic": of d^2; "anisotropic": of dc^2, dr^2 and dr dc; and then, if ``ranged``, of the squared range distance
    "softmax": the logit of the tap; "tanh": likewise, but its tanh is the weight, signed and not normalised

The vjp has two gathers and no atomics, as in the core. A weight divided by its window's mass is exp(energy - log_mass),
so the forward pass keeps only its output and the logarithm of the mass.

Offsets in a plane have 32 bits, those of planes and images 64: free kernels at 12 megapixels have over 2^31 factors.
Values of several channels are tuples, unrolled when compiled.
"""

import triton
import triton.language as tl


@triton.jit
def tile(height, width, rows: tl.constexpr, columns: tl.constexpr):
    """Return the rows and columns of the program's pixels, and which of them are inside."""
    y = tl.program_id(1) * rows + tl.arange(0, rows)[:, None]
    x = tl.program_id(0) * columns + tl.arange(0, columns)[None, :]
    return y, x, (y < height) & (x < width)


@triton.jit
def plane_size(height, width):
    """Return the pixels of a plane, in 64 bits."""
    return tl.cast(height, tl.int64) * width


@triton.jit
def load(first, at, size, inside, count: tl.constexpr):
    """Return ``count`` planes of ``size`` from ``first`` on, as a tuple; 0 outside."""
    values = ()
    for k in tl.static_range(count):
        values = values + (tl.load(first + k * size + at, inside, 0),)
    return values


@triton.jit
def store(first, at, size, inside, values):
    """Store a tuple as planes."""
    for k in tl.static_range(len(values)):
        tl.store(first + k * size + at, values[k], inside)


@triton.jit
def zeros(like, count: tl.constexpr):
    """Return a tuple of zeros."""
    values = ()
    for _ in tl.static_range(count):
        values = values + (tl.zeros_like(like),)
    return values


@triton.jit
def minus(one, other):
    """Return the differences of two tuples."""
    values = ()
    for k in tl.static_range(len(one)):
        values = values + (one[k] - other[k],)
    return values


@triton.jit
def add(sums, w, values, first: tl.constexpr):
    """Return ``sums`` with w times ``values`` added from element ``first`` on; ``values`` may be shorter."""
    more = ()
    for k in tl.static_range(len(sums)):
        more = more + (sums[k] + w * values[k] if k >= first and k < len(values) else sums[k],)
    return more


@triton.jit
def squared_distance(one, other, metric: tl.constexpr):
    """Return |one - other|^2, over all channels from ``metric`` on."""
    total = tl.zeros_like(one[0])
    for k in tl.static_range(metric, len(one)):
        total += (one[k] - other[k]) * (one[k] - other[k])
    return total


@triton.jit
def factors_of_tap(constant, factors, at, size, inside, tap, free: tl.constexpr):
    """Return the factors of a tap's energy: its logit for free kernels, else those that all taps share."""
    if free:
        return load(factors + tap * size, at, size, inside, 1)
    else:  # Triton needs both branches: a return doesn't end a function
        return constant


@triton.jit
def energy(coef, dr, dc, there, centre, metric: tl.constexpr, shape: tl.constexpr, ranged: tl.constexpr):
    """Return the natural logarithm of the weight (the weight's artanh for "tanh")."""
    if shape == "isotropic":
        e = coef[0] * (dr * dr + dc * dc)
    elif shape == "anisotropic":
        e = coef[0] * (dc * dc) + coef[1] * (dr * dr) + coef[2] * (dr * dc)
    else:
        e = coef[0]
    if ranged:
        e += coef[len(coef) - 1] * squared_distance(there, centre, metric)
    return e


@triton.jit
def tanh(x):
    """Return tanh(x), with an exponential that can't overflow."""
    t = tl.exp(-2 * tl.abs(x))
    size = (1 - t) / (1 + t)
    return tl.where(x < 0, -size, size)


@triton.jit
def average(
    window,
    factors,
    out,
    log_mass,
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
    """Fill ``out`` (N, channels, H, W), and ``log_mass`` (N, 1, H, W) unless weights are signed.

    ``window`` has ``total`` channels: those that are averaged, and those of the guide.
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
    centre = load(window + radius * wide + radius, corner, padded_size, inside, total)
    constant = load(factors, at, size, inside, 0 if free else planes)
    top = tl.zeros_like(centre[0])
    if shape == "softmax":
        top += float("-inf")
        for tap in range(planes):
            top = tl.maximum(top, tl.load(factors + tap * size + at, inside, 0))
    mass = tl.zeros_like(centre[0])
    sums = zeros(mass, channels)
    for r in range(side):
        for c in range(side):
            there = load(window + r * wide + c, corner, padded_size, inside, total)
            coef = factors_of_tap(constant, factors, at, size, inside, r * side + c, free)
            e = energy(coef, r - radius, c - radius, there, centre, metric, shape, ranged)
            if shape == "tanh":
                sums = add(sums, tanh(e), there, 0)
            else:  # means are summed as differences to the centre, so that constants are exact
                w = tl.exp(e - top)
                mass += w
                sums = add(sums, w, minus(there, centre), 0)
    if shape != "tanh":
        differences = add(zeros(mass, channels), 1 / mass, sums, 0)
        sums = add(differences, 1, centre, 0)  # without the guide
        tl.store(log_mass + n * size + at, top + tl.log(mass), inside)
    store(out + n * channels * size, at, size, inside, sums)
