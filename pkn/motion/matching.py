"""Motion by block matching from coarse to fine, to a fraction of a pixel.

On each level of a pyramid, blocks of 8 x 8 pixels begin with the best of the displacements that the coarser level found
around them, take the best of the nine whole pixels around it, and then Gauss-Newton steps on the squared differences
(Lucas and Kanade 1981, inverse compositional as in Baker and Matthews 2004). Each block's displacement is known as well
as its detail allows: neighbours share what they know, unless they move apart. So a block without detail moves as the
blocks around it do, and the whole of a panned image as all its detail together says.
"""

import numpy as np

from pkn.filters.engine.compile import inlined, kernel
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.engine.threads import run_strips

BLOCK = 8  # px on each level
LEVELS = 5  # at most
COARSEST = 16  # px, the least side of a level
FIRST_REACH, REACH = 3, 1  # px searched on the coarsest level, and on others
STEPS = 3  # of Gauss-Newton
DAMPING = 0.05  # of a block's detail, so that steps along an edge are short
SWEEPS = 24  # in which neighbours share what they know
UNLIKE = 8.0  # how many of a block's pixels have the same error, as they have after smoothing
SMOOTH = 0.03  # px by which neighbouring blocks' motion typically differs
APART = 0.5  # px from which on they belong to different things
ROWS = 4  # of blocks, in a strip


def find_motion(here: np.ndarray, there: np.ndarray, noise: float) -> np.ndarray:
    """Where the blocks of one image are found in another.

    Parameters
    ----------
    here, there : float32 array of shape (H, W)
        Images with little noise.
    noise : float
        Standard deviation of what noise they have.

    Returns
    -------
    float32 array of shape (2, rows, columns)
        Displacements (down, right) in pixels of blocks of 8 x 8 pixels: what is at p in ``here`` is at p + d in
        ``there``.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.ndimage import gaussian_filter, shift
    >>> from pkn.motion.matching import find_motion
    >>> here = gaussian_filter(np.random.default_rng(0).random((64, 80), np.float32), 2)
    >>> there = shift(here, (1.5, -3.25))
    >>> found = np.median(find_motion(here, there, noise=1e-3), axis=(1, 2))
    >>> bool(np.abs(found - (1.5, -3.25)).max() < 0.05)
    True
    """
    pairs = [(here, there)]
    while len(pairs) < LEVELS and min(pairs[-1][0].shape) >= 2 * COARSEST:
        pairs.append((halve(pairs[-1][0]), halve(pairs[-1][1])))
    found, reach = np.zeros((2, 1, 1), np.float32), FIRST_REACH
    for one, other in reversed(pairs):
        found, reach = _refined(one, other, found, reach, noise), REACH
    return found


def grid_size(size: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of blocks in an image of ``size``; the last ones overlap those before."""
    return -(-size[0] // BLOCK), -(-size[1] // BLOCK)


def _refined(here: np.ndarray, there: np.ndarray, coarser: np.ndarray, reach: int, noise: float) -> np.ndarray:
    found = np.empty((5, *grid_size(here.shape)), np.float32)

    def task(n: int, start: int, stop: int) -> None:
        _match(here, there, coarser, reach, start, stop, found)

    run_strips(task, 1, found.shape[1], ROWS)
    motion = found[:2].copy()
    _share(found, np.float32(1 / (2 * UNLIKE * noise**2 + 1e-12)), SWEEPS, motion)
    return motion


@kernel
def _match(here, there, coarser, reach, start, stop, out):
    """Fill rows of ``out`` (5, rows, columns): displacements, and sums of products of slopes (yy, yx, xx)."""
    height, width = here.shape
    size = min(BLOCK, height), min(BLOCK, width)
    block, unlike = np.zeros((BLOCK, BLOCK), here.dtype), np.zeros((BLOCK, BLOCK), here.dtype)
    slopes = np.zeros((2, BLOCK, BLOCK), here.dtype)
    for i in range(start, stop):
        for j in range(out.shape[2]):
            corner = min(i * BLOCK, height - size[0]), min(j * BLOCK, width - size[1])
            products = _detail(here, corner, size, block, slopes)
            whole = _best_whole(block, there, coarser, (i // 2, j // 2), corner, size, reach, unlike)
            out[0, i, j], out[1, i, j] = _best_fraction(block, there, slopes, products, corner, size, whole, unlike)
            out[2, i, j], out[3, i, j], out[4, i, j] = products


@inlined
def _detail(here, corner, size, block, slopes):
    """Copy a block and fill its slopes (2, rows, columns), by central differences; sums of their products."""
    height, width = here.shape
    half = here.dtype.type(0.5)
    yy, yx, xx = here.dtype.type(0), here.dtype.type(0), here.dtype.type(0)
    for r in range(size[0]):
        y = corner[0] + r
        above, line, below = here[max(y - 1, 0)], here[y], here[min(y + 1, height - 1)]
        for s in range(size[1]):
            x = corner[1] + s
            down = (below[x] - above[x]) * half
            right = (line[min(x + 1, width - 1)] - line[max(x - 1, 0)]) * half
            block[r, s], slopes[0, r, s], slopes[1, r, s] = line[x], down, right
            yy += down * down
            yx += down * right
            xx += right * right
    return yy, yx, xx


@inlined
def _best_whole(block, there, coarser, at, corner, size, reach, unlike):
    """The best displacement in whole pixels: of what coarser blocks around found, then of those around it."""
    best, dy, dx = block.dtype.type(np.inf), 0, 0
    for k in range(9):
        u = min(max(at[0] + k // 3 - 1, 0), coarser.shape[1] - 1)
        v = min(max(at[1] + k % 3 - 1, 0), coarser.shape[2] - 1)
        ey, ex = round(2 * coarser[0, u, v]), round(2 * coarser[1, u, v])
        if k == 0 or ey != dy or ex != dx:
            cost = _differences(block, there, (corner[0] + ey, corner[1] + ex), (0, 0), size, unlike)
            if cost < best:
                best, dy, dx = cost, ey, ex
    cy, cx = dy, dx
    for ey in range(cy - reach, cy + reach + 1):
        for ex in range(cx - reach, cx + reach + 1):
            if ey != cy or ex != cx:
                cost = _differences(block, there, (corner[0] + ey, corner[1] + ex), (0, 0), size, unlike)
                if cost < best:
                    best, dy, dx = cost, ey, ex
    return dy, dx


@inlined
def _best_fraction(block, there, slopes, products, corner, size, whole, unlike):
    """Gauss-Newton steps from a displacement in whole pixels; that itself if they lead away."""
    cast = block.dtype.type
    damping = cast(DAMPING) * (products[0] + products[2]) + cast(1e-12)
    yy, yx, xx = products[0] + damping, products[1], products[2] + damping
    determinant, most = yy * xx - yx * yx, cast(0.5)
    dy, dx = cast(whole[0]), cast(whole[1])
    for _ in range(STEPS):
        top, left = int(np.floor(dy)), int(np.floor(dx))
        _differences(block, there, (corner[0] + top, corner[1] + left), (dy - top, dx - left), size, unlike)
        down, right = cast(0), cast(0)
        for r in range(BLOCK):
            for s in range(BLOCK):
                down += slopes[0, r, s] * unlike[r, s]
                right += slopes[1, r, s] * unlike[r, s]
        dy -= min(max((xx * down - yx * right) / determinant, -most), most)
        dx -= min(max((yy * right - yx * down) / determinant, -most), most)
    if abs(dy - whole[0]) <= 1 and abs(dx - whole[1]) <= 1:
        return dy, dx
    return cast(whole[0]), cast(whole[1])


@inlined
def _differences(block, there, corner, fraction, size, unlike):
    """Fill ``unlike`` with what ``there`` has at a corner and a fraction of a pixel, less the block; sum of squares."""
    height, width = there.shape
    cast = block.dtype.type
    total, down, right = cast(0), cast(fraction[0]), cast(fraction[1])
    y, x = corner
    inside = y >= 0 and x >= 0 and y < height - BLOCK and x < width - BLOCK
    if inside and size[0] == BLOCK and size[1] == BLOCK:
        for r in range(BLOCK):
            above, below = there[y + r, x : x + BLOCK + 1], there[y + r + 1, x : x + BLOCK + 1]
            for s in range(BLOCK):
                near, far = above[s] + down * (below[s] - above[s]), above[s + 1] + down * (below[s + 1] - above[s + 1])
                difference = near + right * (far - near) - block[r, s]
                unlike[r, s] = difference
                total += difference * difference
        return total
    for r in range(size[0]):
        above, below = there[min(max(y + r, 0), height - 1)], there[min(max(y + r + 1, 0), height - 1)]
        for s in range(size[1]):
            p, q = min(max(x + s, 0), width - 1), min(max(x + s + 1, 0), width - 1)
            near, far = above[p] + down * (below[p] - above[p]), above[q] + down * (below[q] - above[q])
            difference = near + right * (far - near) - block[r, s]
            unlike[r, s] = difference
            total += difference * difference
    return total


@kernel
def _share(found, precision, sweeps, motion):
    """Sweeps of Gauss-Seidel over ``motion``: each block's own measurement against its neighbours' motion."""
    cast = motion.dtype.type
    rows, columns = motion.shape[1:]
    stiff, apart = cast(1 / SMOOTH**2), cast(1 / APART**2)
    for sweep in range(sweeps):
        for n in range(rows * columns):
            i, j = divmod(n if sweep % 2 == 0 else rows * columns - 1 - n, columns)
            own_y, own_x = motion[0, i, j], motion[1, i, j]
            total, down, right = cast(1e-6), cast(0), cast(0)
            for k in range(4):
                u, v = i + (k == 0) - (k == 1), j + (k == 2) - (k == 3)
                if 0 <= u < rows and 0 <= v < columns:
                    dy, dx = motion[0, u, v], motion[1, u, v]
                    unlike = 1 + ((dy - own_y) ** 2 + (dx - own_x) ** 2) * apart
                    weight = stiff / (unlike * unlike)
                    total += weight
                    down += weight * dy
                    right += weight * dx
            yy, yx, xx = precision * found[2, i, j], precision * found[3, i, j], precision * found[4, i, j]
            down += yy * found[0, i, j] + yx * found[1, i, j]
            right += yx * found[0, i, j] + xx * found[1, i, j]
            yy, xx = yy + total, xx + total
            determinant = yy * xx - yx * yx
            motion[0, i, j] = (xx * down - yx * right) / determinant
            motion[1, i, j] = (yy * right - yx * down) / determinant
