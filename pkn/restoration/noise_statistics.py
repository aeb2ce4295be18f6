"""Statistics of an image that tell its noise from its texture: spread of second differences in blocks, at four scales.

Texture only ever adds to the variance of a block, so noise shows in the smoothest ones; but how far their quantiles lie
above the noise depends on the image. White noise's variance falls by four from level to level, that of demosaicked or
compressed noise less, and texture's hardly at all: together the quantiles of all levels say what is noise.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from pkn.filters.arrays import to_floats
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.engine.quantiles import quantile
from pkn.filters.engine.threads import one_thread, run_strips
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.restoration.noise_blocks import Grid, block_sums, varied

LEVELS = 4
BLOCK = 8  # px of a level
QUANTILES = (0.01, 0.03, 0.1, 0.25, 0.5)
DETAIL = np.array([1, -2, 1]) / np.sqrt(6)  # keeps the variance of white noise; along both axes it is Immerkaer's mask
CLIPPED = 0.001  # if more than this fraction of pixels has the smallest or largest value, it is taken for clipped
CONTRAST = 0.005  # quantile of the darkest and of the brightest pixels that an image's contrast leaves out
ROUNDING = 1e-6  # a contrast smaller than this, over the largest value, is none
QUANTILE = 0.1  # of the blocks of similar intensity: the smoothest have noise only, the others also texture
BINS, MIN_BLOCKS = 16, 40  # of intensity at most, and blocks in each at least
LARGEST_SHAPE = 4.0  # ratio of a curve's noise level to the typical one, at most
LEAST_UNCLIPPED = 0.01  # of an image; if less, clipped pixels are looked at too
FEWEST = 4  # blocks of which quantiles are taken
LEAST_WHOLE = 0.05  # of the pixels with a value, within whole blocks; with less, holes are scattered over the image
SMALLEST = 1e-4  # of a noise level, over the contrast: beneath an eighth of a step of 8 bits
GREATEST_VALUE, LEAST_VALUE = 1e14, 1e-12  # largest magnitude of an image: its differences, squared, fit into float32
TILE, TILES = 256, 3  # px a side, and tiles a side at most: of a larger image these are looked at


class Blocks(NamedTuple):
    """Blocks of a level.

    Parameters
    ----------
    means : array of shape (n,)
        Mean luma.
    variances : array of shape (parts, n)
        Of second differences of each part's planes.
    finer : array of shape (parts, n)
        The variances of the next finer level at the same place; NaN where there is none.
    """

    means: np.ndarray
    variances: np.ndarray
    finer: np.ndarray


class Shape(NamedTuple):
    """How noise depends on intensity.

    Parameters
    ----------
    intensity : array of shape (K,)
        Increasing.
    factor : array of shape (parts, K)
        Noise levels there, over the typical one: the root of the mean square over all pixels is 1.
    measured : array of shape (n, 2)
        Intensities and noise levels of the smoothest blocks.
    """

    intensity: np.ndarray
    factor: np.ndarray
    measured: np.ndarray

    def flattened(self, blocks: Blocks) -> Blocks:
        """The blocks as they would be if noise didn't depend on intensity."""
        power = np.stack([np.interp(blocks.means, self.intensity, each) for each in self.factor]) ** 2
        return Blocks(blocks.means, blocks.variances / power, blocks.finer / power)


class Statistics(NamedTuple):
    """What :func:`statistics_of` finds; ``features`` don't depend on the image's unit or offset.

    Parameters
    ----------
    features : array of shape (n,)
        Logarithms of block variances' quantiles, relative to ``reference``; of contrast; of the number of blocks.
    reference : float
        A noise level of the finest luma, in image values.
    blocks, halved : Blocks
        Of the finest level, and of half the resolution.
    black, contrast : float
        Where the image's luma begins, and what it spans, in image values.
    shape : Shape
        Of the noise over intensity; ``features`` are those of flattened blocks.
    whole : float
        Share of the sample around whose pixels a block is usable: neither missing, nor clipped, nor constant.
    scattered : bool
        Whether holes are scattered over the image, or a part of it: there the coarser levels have no blocks.
    """

    features: np.ndarray
    reference: float
    blocks: Blocks
    halved: Blocks
    black: float
    contrast: float
    shape: Shape
    whole: float
    scattered: bool

    @property
    def smallest(self) -> float:
        """A noise level in image values below which there is none to speak of."""
        return SMALLEST * self.contrast


def sampled_axes(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that :func:`statistics_of` looks at: of a large image, those of tiles spread evenly."""
    axes = []
    for side in size:
        starts = np.linspace(0, side - TILE, TILES).astype(int) // 2 * 2
        axes.append(np.arange(side) if side <= TILE * TILES else (starts[:, None] + np.arange(TILE)).ravel())
    return axes[0], axes[1]


def sample_of(planes: Any) -> np.ndarray:
    """The pixels of planes (C, H, W), or of a mask (1, H, W), that statistics look at."""
    rows, columns = sampled_axes(planes.shape[1:])
    if (rows.size, columns.size) == planes.shape[1:]:
        return np.asarray(planes)
    parts = [[planes[:, each, part] for part in _runs(columns)] for each in _runs(rows)]
    return np.asarray(np.block(parts))


def _runs(numbers: np.ndarray) -> list[slice]:
    """Slices that together take what increasing ``numbers`` are the indices of."""
    return [slice(int(run[0]), int(run[-1]) + 1) for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)]


def statistics_of(sample: np.ndarray, mask: np.ndarray | None = None) -> Statistics:
    """Statistics of a sample (C, H, W), grey or RGB, as :func:`sample_of` gives it.

    Pixels that aren't finite or in ``mask`` (H, W) don't count.

    Raises
    ------
    ValueError
        For values whose squares single precision can't hold.
    """
    _check_magnitude(sample, mask)
    parts = _tiles(sample.shape[1:])
    tiles: list[Any] = [None] * len(parts)

    def task(number: int, start: int, stop: int) -> None:
        part = parts[number]
        with one_thread():  # a worker that waits for others of its own pool might wait for ever
            tiles[number] = _tile_blocks(sample[:, *part], None if mask is None else mask[part])

    run_strips(task, len(parts), 1, 1)
    luma = np.concatenate([tile[1] for tile in tiles])
    levels = [_joined([tile[0][level] for tile in tiles]) for level in range(LEVELS)]
    whole, scattered = float(np.mean([tile[2] for tile in tiles])), any(tile[3] for tile in tiles)
    if luma.size == 0:
        luma = np.zeros(1)
    low, high = (quantile(luma, part) for part in (CONTRAST, 1 - CONTRAST))
    largest = float(np.abs(luma).max())
    contrast = float(high - low) if high - low > ROUNDING * largest else float(luma.max() - luma.min())
    contrast = contrast if contrast > ROUNDING * largest else max(largest, 1e-30)
    smallest = SMALLEST * contrast
    shape = _shape_of(levels[0], luma, smallest)
    (finest, halved), levels = levels[:2], [shape.flattened(blocks) for blocks in levels]
    logs = []
    for level, blocks in enumerate(levels):
        if blocks.means.size >= FEWEST:
            power = np.maximum(blocks.variances.astype(np.float64), (smallest / 2**level) ** 2)
            logs.append(0.5 * np.log(np.quantile(power, QUANTILES, axis=1).T))
        else:  # as of white noise
            logs.append(logs[-1] - np.log(2) if logs else np.full((len(levels[0].variances), 5), np.log(smallest)))
    reference = float(np.exp(logs[0][0, QUANTILES.index(0.1)]))
    agreements = [_agreement(blocks) for blocks in levels[1:]]
    numbers = [np.log2(blocks.means.size + 1) / 10 - 1 for blocks in levels[::2]]
    relative = np.stack(logs, axis=1) - np.log(reference)
    features = np.concatenate([relative.ravel(), *agreements, [np.log(contrast / reference) - 3, *numbers]])
    features = np.clip(features, -10, 10)
    return Statistics(features, reference, finest, halved, float(low), contrast, shape, whole, scattered)


def _check_magnitude(sample: np.ndarray, mask: np.ndarray | None) -> None:
    """Raise for values beyond what squared differences in float32 allow, and warn below."""
    if sample.dtype.kind != "f":
        return
    seen = np.isfinite(sample) if mask is None else np.isfinite(sample) & mask
    largest = float(np.max(np.abs(sample), where=seen, initial=0))
    if largest > GREATEST_VALUE:
        raise ValueError(
            f"image has values up to {largest:.3g}; expected at most {GREATEST_VALUE:g}: give it in another unit"
        )
    if 0 < largest < LEAST_VALUE:
        warnings.warn(
            f"image has values of {largest:.3g} at most, whose differences get lost; expected {LEAST_VALUE:g} or more:"
            " give it in another unit",
            stacklevel=2,
        )


def intensity_bins(means: np.ndarray) -> list[np.ndarray]:
    """Indices of blocks of similar intensity."""
    bins = int(np.clip(means.size // MIN_BLOCKS, 1, BINS))
    return np.array_split(np.argsort(means), bins)


def _shape_of(blocks: Blocks, luma: np.ndarray, smallest: float) -> Shape:
    """How the noise of the smoothest blocks depends on intensity."""
    means, variances = blocks.means, blocks.variances
    if means.size == 0:
        return Shape(np.zeros(1), np.ones((len(variances), 1)), np.empty((0, 2)))
    members = intensity_bins(means)
    x = np.array([means[indices].mean() for indices in members])
    low = np.stack([np.quantile(variances[:, indices], QUANTILE, axis=1) for indices in members], axis=1)
    low = np.sqrt(np.maximum(low.astype(np.float64), smallest**2 / 16))
    logs = np.log(low)
    if len(x) > 2:  # neighbours agree
        padded = np.pad(logs, [(0, 0), (1, 1)], mode="edge")
        logs = np.median([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], axis=0)
        padded = np.pad(logs, [(0, 0), (1, 1)], mode="edge")
        logs = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    # Of all pixels the typical noise level is the root of the mean variance.
    below = [np.count_nonzero(luma < edge) for edge in (x[1:] + x[:-1]) / 2]  # np.histogram would sort all pixels
    share = np.diff([0, *below, luma.size]) / luma.size
    shape = np.exp(logs - logs.max(1, keepdims=True))
    shape /= np.sqrt((share * shape**2).sum(1, keepdims=True))
    shape = np.clip(shape, 1 / LARGEST_SHAPE, LARGEST_SHAPE)
    measured = np.stack([x, low[0]], axis=1)
    x, shape = increasing(x, shape)
    return Shape(*_with_ends(x, shape, float(means.min()), float(means.max())), measured)


def _with_ends(x: np.ndarray, shape: np.ndarray, darkest: float, brightest: float) -> tuple[np.ndarray, np.ndarray]:
    """Knots at the darkest and brightest block too, where the variance goes on as between the nearest knots."""
    if x.size < 3:
        return x, shape
    power = np.square(shape)
    ends = []
    for end, near, far in ((darkest, 0, 1), (brightest, -1, -2)):
        slope = (power[:, near] - power[:, far]) / (x[near] - x[far])
        value = power[:, near] + slope * (end - x[near])
        ends.append(np.sqrt(np.clip(value, power[:, near] / 4, power[:, near] * 4))[:, None])
    return increasing(np.array([darkest, *x, brightest]), np.concatenate([ends[0], shape, ends[1]], axis=1))


def increasing(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Knots with intensities that increase."""
    keep = np.concatenate([[True], np.diff(x) > 1e-9 * max(abs(x[-1]), abs(x[0]), 1e-300)])
    return x[keep], values[:, keep]


def _tiles(size: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """The tiles that a sample consists of."""
    axes = [[slice(0, side)] if side % TILE or side != TILE * TILES else _parts(side) for side in size]
    return [(rows, columns) for rows in axes[0] for columns in axes[1]]


def _parts(side: int) -> list[slice]:
    return [slice(start, start + TILE) for start in range(0, side, TILE)]


def _tile_blocks(planes: np.ndarray, mask: np.ndarray | None) -> tuple[list[Blocks], np.ndarray, float, bool]:
    """Blocks by level, the luma of valid pixels, the share of pixels in whole blocks, and if holes are scattered."""
    values = to_floats(planes)
    valid = np.isfinite(values).all(0)
    if mask is not None:
        valid &= mask
    centre = np.float64(np.mean(values, where=valid, dtype=np.float64)) if valid.any() else np.float64(0)
    values = np.where(valid, values - values.dtype.type(centre), 0).astype(np.float32)
    usable = valid & ~np.any([_clipped(plane, valid) for plane in values], axis=0)
    if _whole_blocks(usable).mean() < LEAST_UNCLIPPED:  # of a binary page or an image of few grey levels
        usable = valid
    usable &= ~_constant(values)
    if len(values) == 3:
        values = to_opponent(values[None])[0]
    luma = (values[0].ravel() if valid.all() else values[0][valid]) + centre
    whole = float(_whole_blocks(usable).mean())
    if whole < LEAST_WHOLE * usable.mean():
        blocks = _scattered_blocks(values, usable)
        none = Blocks(*(array[..., :0] for array in blocks))
        return [blocks._replace(means=blocks.means + centre), *[none] * (LEVELS - 1)], luma, whole, True
    levels, finer = [], None
    for level in range(LEVELS):
        blocks, finer = _blocks(values, usable, finer)
        levels.append(blocks._replace(means=blocks.means + centre))
        if level < LEVELS - 1:
            values, usable = halve(values), halve(usable.astype(np.float32)) == 1
    return levels, luma, whole, False


def _whole_blocks(usable: np.ndarray) -> np.ndarray:
    """Mask of the pixels around which a block, and a margin of 1 pixel, is usable."""
    if usable.all():  # as nearly always; what follows would take a third of the statistics' time
        return usable
    return ~_any_around(~usable, min(BLOCK, *usable.shape) + 2)


def _any_around(mask: np.ndarray, side: int) -> np.ndarray:
    """Mask of the pixels with any of ``mask`` within ``side`` x ``side`` pixels around them.

    (SciPy's filters would do, but to load them takes as long as to denoise a small image.)
    """
    sums = np.pad(mask.cumsum(0, dtype=np.int32).cumsum(1), [(1, 0), (1, 0)])
    for axis, length in enumerate(mask.shape):
        first, last = (np.arange(length) + shift for shift in (-(side // 2), side - side // 2))
        sums = sums.take(np.minimum(last, length), axis) - sums.take(np.maximum(first, 0), axis)
    return np.asarray(sums > 0)


def _clipped(plane: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Mask of the pixels that have the smallest or largest value, if suspiciously many do."""
    values, clipped = plane if valid.all() else plane[valid], np.zeros(plane.shape, bool)
    if values.size and values.min() < values.max():
        for extreme in (values.min(), values.max()):
            if np.mean(values == extreme) > CLIPPED:
                clipped |= plane == extreme
    return clipped


def _constant(planes: np.ndarray) -> np.ndarray:
    """Mask of pixels around which all is constant: borders and masks of an image, or a drawing."""
    bent = np.empty(planes.shape[1:], bool)
    varied(planes, bent)
    return ~(bent if bent.all() else _any_around(bent, BLOCK))


def _blocks(planes: np.ndarray, usable: np.ndarray, finer: np.ndarray | None) -> tuple[Blocks, np.ndarray]:
    """The blocks of a level whose pixels are all usable; and the variances of all, for the next level."""
    grid = Grid.of(usable.shape, BLOCK)
    means, variances = block_sums(planes, grid)
    whole = _whole_blocks(usable)[np.ix_(grid.rows, grid.columns)]
    same = np.full(variances.shape, np.nan) if finer is None else _halved(finer, variances.shape)
    return Blocks(means[whole], variances[:, whole], same[:, whole]), variances


def _scattered_blocks(planes: np.ndarray, usable: np.ndarray) -> Blocks:
    """Blocks of the finest level of an image full of holes, each with as many usable pixels as a whole one has.

    Their variances are those of each pixel's difference from what its usable neighbours in the row, and in the column,
    let expect: the line between them.
    """
    from scipy.ndimage import uniform_filter  # not at the top: it takes long to import, and is rarely needed

    share = max(float(usable.mean()), 1 / usable.size)
    side = min(round(BLOCK / np.sqrt(share)), *usable.shape)
    along_rows, columns = _line_powers(planes, usable), _line_powers(planes.swapaxes(1, 2), usable.T).swapaxes(1, 2)
    power, luma = np.stack([along_rows, columns]), np.where(usable, planes[0], 0)
    known = np.isfinite(power[:, 0])

    def summed(values: np.ndarray) -> np.ndarray:
        around = uniform_filter(values.astype(np.float64), side, mode="constant") * side**2
        return np.asarray(around[side // 2 :: (side + 1) // 2, side // 2 :: (side + 1) // 2])

    number, pairs = summed(usable), summed(known.sum(0))
    whole = pairs > side**2 * share  # half of two differences for each pixel
    means = summed(luma)[whole] / number[whole]
    parts = [power[:, :1], power[:, 1:]] if len(planes) == 3 else [power]
    variances = [summed(np.nansum(part.mean(1), 0))[whole] / pairs[whole] for part in parts]
    return Blocks(means, np.stack(variances), np.full((len(parts), means.size), np.nan))


def _line_powers(planes: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Squared differences of pixels from the line between the usable ones before and after, over white noise's; NaN
    where a pixel isn't usable or the last of its row.
    """
    rows, columns = np.nonzero(usable)
    inside = np.flatnonzero(rows[2:] == rows[:-2]) + 1
    before, here, after = (columns[inside + step] for step in (-1, 0, 1))
    weight = (here - before) / (after - before)  # of the pixel after
    row = rows[inside]
    difference = planes[:, row, here] - (1 - weight) * planes[:, row, before] - weight * planes[:, row, after]
    powers = np.full(planes.shape, np.nan)
    powers[:, row, here] = np.square(difference) / (1 + weight**2 + (1 - weight) ** 2)
    return powers


def _halved(variances: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Of a finer level's variances those at the places of a coarser level's blocks, of (parts, rows, columns)."""
    rows, columns = (
        np.minimum(2 * np.arange(n) + 1, m - 1) for n, m in zip(shape[1:], variances.shape[1:], strict=True)
    )
    return variances[:, rows[:, None], columns]


def _agreement(blocks: Blocks) -> np.ndarray:
    """Correlation of a level's log variances with the finer level's, (parts,): of texture high, of noise about 0.

    Of the smoother half of the blocks, where texture and noise are hard to tell apart.
    """
    agreements = []
    for here, there in zip(blocks.variances, blocks.finer, strict=True):
        smooth = here + there <= np.median(here + there) if here.size else np.zeros(0, bool)
        if np.count_nonzero(smooth) < 4 * FEWEST:
            agreements.append(0.0)
            continue
        a, b = (np.log(np.maximum(values[smooth], 1e-300)) for values in (here, there))
        spread = a.std() * b.std()
        agreements.append(float(np.mean((a - a.mean()) * (b - b.mean())) / spread) if spread > 0 else 0.0)
    return np.array(agreements)


def _joined(parts: list[Blocks]) -> Blocks:
    means, variances, finer = zip(*parts, strict=True)
    return Blocks(np.concatenate(means), np.concatenate(variances, axis=1), np.concatenate(finer, axis=1))
