"""Kernels of the noise statistics: means of an image and power of its second differences in blocks of a grid."""

from typing import NamedTuple

import numpy as np

from pkn.filters.engine.compile import kernel

STEP = 4  # px from block to block


class Grid(NamedTuple):
    """Where blocks of ``side`` x ``side`` pixels lie: their centres' rows and columns."""

    side: int
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, size: tuple[int, ...], side: int) -> "Grid":
        """All blocks within an image of ``size``, smaller ones if it is smaller."""
        side = min(side, *size)
        half = side // 2
        rows, columns = (np.arange(half, length - side + half + 1, STEP) for length in size)
        return cls(side, rows, columns)


def block_sums(planes: np.ndarray, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Means of the first plane, (rows, columns), and mean squares of second differences, (parts, rows, columns).

    ``planes`` is (C, H, W), float32: a grey image, or luma and chroma planes, which are two parts. Second differences
    are those of Immerkaer's mask, which keep the variance of white noise; borders are mirrored.
    """
    size = grid.rows.size, grid.columns.size
    means, powers = np.zeros(size), np.zeros((2 if len(planes) == 3 else 1, *size))
    _sum_blocks(planes, grid.side, means, powers)
    return means / grid.side**2, powers / grid.side**2


@kernel
def _sum_blocks(planes, side, means, powers):
    channels, height, width = planes.shape
    cast = planes.dtype.type
    two, sixth = cast(2), cast(1 / 6)
    down, lines = np.empty(width + 2, planes.dtype), np.zeros((powers.shape[0] + 1, width), planes.dtype)
    for y in range(height):
        above, below = abs(y - 1), height - 1 - abs(height - 2 - y)  # mirrored
        above, below = min(above, height - 1), max(below, 0)
        lines[:] = 0
        for c in range(channels):
            a, b, d, inner = planes[c, above], planes[c, y], planes[c, below], down[1 : 1 + width]
            for x in range(width):
                inner[x] = a[x] - two * b[x] + d[x]
            down[0], down[width + 1] = inner[min(1, width - 1)], inner[max(width - 2, 0)]
            part = min(c, powers.shape[0] - 1)
            share = cast(1) / cast(max(1, channels - 1) if part else 1)
            line = lines[part]
            for x in range(width):
                v = (down[x] - two * down[x + 1] + down[x + 2]) * sixth
                line[x] += share * v * v
        last = lines[powers.shape[0]]
        last[:] = planes[0, y]
        first, final = max(0, (y - side + STEP) // STEP), min(means.shape[0] - 1, y // STEP)
        for k in range(lines.shape[0]):
            line = lines[k]
            for j in range(means.shape[1]):
                total = 0.0
                for x in range(STEP * j, STEP * j + side):
                    total += line[x]
                for i in range(first, final + 1):
                    if k < powers.shape[0]:
                        powers[k, i, j] += total
                    else:
                        means[i, j] += total


@kernel
def varied(planes, out):
    """Fill ``out`` (H, W): whether second differences along rows or columns of any plane are not 0; edges repeated."""
    channels, height, width = planes.shape
    for y in range(height):
        for c in range(channels):
            a, b, d = planes[c, max(y - 1, 0)], planes[c, y], planes[c, min(y + 1, height - 1)]
            target = out[y]
            for x in range(width):
                left, right = np.float64(b[max(x - 1, 0)]), np.float64(b[min(x + 1, width - 1)])
                twice = 2 * np.float64(b[x])
                bent = (left - twice + right != 0) | (np.float64(a[x]) - twice + np.float64(d[x]) != 0)
                target[x] = bent | (c > 0 and target[x])
