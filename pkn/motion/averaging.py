"""Averages along motion: each pixel with what it is in other frames, if that is like it.

    out(p) = sum_k w_k(p) x_k(p + d_k(p)) / sum_k w_k(p),    w_k(p) = exp(-|g_k(p + d_k(p)) - g(p)|^2 / (2 sigma^2))

A bilateral filter whose window is a pixel's own path through time: ``x`` between pixels by a windowed sinc (Lanczos) of
6 x 6 pixels, the guide ``g``, half as large as the frames, linearly.
"""

import math
from typing import NamedTuple

import numpy as np

from pkn.filters.engine.compile import inlined, kernel
from pkn.filters.engine.math import exp2
from pkn.filters.engine.threads import run_strips
from pkn.motion.matching import BLOCK

TAPS, PHASES = 6, 64  # pixels along a side, and parts into which a pixel is divided
ROWS = 16  # in a strip


def _lanczos() -> np.ndarray:
    """Weights (phases, taps) that sum to 1."""
    at = np.arange(TAPS) - TAPS // 2 + 1 - np.arange(PHASES)[:, None] / PHASES
    weights = np.sinc(at) * np.sinc(at / (TAPS // 2))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


LANCZOS = _lanczos()


class Sums(NamedTuple):
    """What :func:`add_frame` adds up: values (C, H, W), weights (H, W) and their squares (H, W), float32."""

    values: np.ndarray
    weights: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, planes: np.ndarray) -> "Sums":
        """Those of a frame itself, whose weight is 1."""
        ones = np.ones(planes.shape[1:], np.float32)
        return cls(planes.copy(), ones, ones.copy())

    @classmethod
    def nothing(cls, like: np.ndarray) -> "Sums":
        """Those of no frame."""
        return cls(*(np.zeros(shape, np.float32) for shape in (like.shape, like.shape[1:], like.shape[1:])))

    def mean(self) -> tuple[np.ndarray, np.ndarray]:
        """The average (C, H, W), and by what factor (H, W) its noise is less."""
        return self.values / self.weights, np.sqrt(self.squares) / self.weights


def add_frame(
    sums: Sums, guide: np.ndarray, planes: np.ndarray, other: np.ndarray, motion: np.ndarray, sigma: np.ndarray
) -> None:
    """Add another frame to ``sums``.

    Parameters
    ----------
    sums : Sums
        Changed in place.
    guide, other : float32 array of shape (features, H / 2, W / 2)
        The guide of the frame itself, and the other's.
    planes : float32 array of shape (C, H, W)
        The other frame.
    motion : float32 array of shape (2, rows, columns)
        Of the guide's blocks; see :func:`pkn.motion.matching.find_motion`.
    sigma : float32 array of shape (H / 2, W / 2)
        How far guides may differ.
    """
    precision = np.asarray(-0.5 * math.log2(math.e) / np.square(sigma), np.float32)

    def task(n: int, start: int, stop: int) -> None:
        _add(planes, guide, other, motion, precision, LANCZOS, start, stop, *sums)

    run_strips(task, 1, planes.shape[1], ROWS)


def displacements(motion: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Displacements (2, n), in pixels of the frame, of pixels (n,): the motion between the guide's blocks, doubled."""
    places = []
    for at, count in ((rows, motion.shape[1]), (columns, motion.shape[2])):
        place = np.clip(((at - 0.5) / 2 - (BLOCK - 1) / 2) / BLOCK, 0, count - 1)
        low = np.minimum(place.astype(int), max(count - 2, 0))
        places.append((low, np.minimum(low + 1, count - 1), place - low))
    (i, below, t), (j, right, u) = places
    above, under = (motion[:, r, j] + u * (motion[:, r, right] - motion[:, r, j]) for r in (i, below))
    return np.asarray(2 * (above + t * (under - above)))


def samples(motion: np.ndarray, rows: np.ndarray, columns: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Which pixels of another frame a pixel's sample is of: rows, columns and weights, (n, taps, taps).

    Written out for single pixels; :func:`add_frame` does it for all.
    """
    axes = []
    for at, shift, side in zip((rows, columns), displacements(motion, rows, columns), size, strict=True):
        place = at + shift
        low = np.floor(place).astype(int)
        taps = np.clip(low[:, None] + np.arange(TAPS) - TAPS // 2 + 1, 0, side - 1)
        axes.append((taps, LANCZOS[((place - low) * PHASES).astype(int)]))
    (r, down), (c, across) = axes
    return (*np.broadcast_arrays(r[:, :, None], c[:, None, :]), down[:, :, None] * across[:, None, :])


@kernel
def _add(planes, guide, other, motion, precision, table, start, stop, values, weights, squares):
    channels, height, width = planes.shape
    features, rows, columns = guide.shape
    cast = planes.dtype.type
    half, middle = cast(0.5), cast((BLOCK - 1) / 2)
    moved = np.empty((2, motion.shape[2]), planes.dtype)
    own = np.empty((features + 1, columns), planes.dtype)
    for y in range(start, stop):
        gy = (cast(y) - half) * half  # of the guide
        i, ti = _cell((gy - middle) / cast(BLOCK), motion.shape[1])
        p, tp = _cell(gy, rows)
        for k in range(2):
            _row(motion[k], i, ti, moved[k])
        for f in range(features):
            _row(guide[f], p, tp, own[f])
        _row(precision, p, tp, own[features])
        for x in range(width):
            gx = (cast(x) - half) * half
            j, tj = _cell((gx - middle) / cast(BLOCK), motion.shape[2])
            q, tq = _cell(gx, columns)
            dy, dx = _on(moved[0], j, tj), _on(moved[1], j, tj)
            sy, sx = cast(y) + 2 * dy, cast(x) + 2 * dx
            if sy < -half or sx < -half or sy > height - half or sx > width - half:
                continue
            r, tr = _cell(gy + dy, rows)
            s, ts = _cell(gx + dx, columns)
            distance = cast(0)
            for f in range(features):
                unlike = _between(other[f], r, s, tr, ts) - _on(own[f], q, tq)
                distance += unlike * unlike
            weight = exp2(max(distance * _on(own[features], q, tq), cast(-126)))
            weights[y, x] += weight
            squares[y, x] += weight * weight
            fy, fx = np.floor(sy), np.floor(sx)
            wy, wx = table[int((sy - fy) * PHASES)], table[int((sx - fx) * PHASES)]
            top, left = int(fy) - TAPS // 2 + 1, int(fx) - TAPS // 2 + 1
            if top >= 0 and left >= 0 and top + TAPS <= height and left + TAPS <= width:
                w0, w1, w2, w3, w4, w5 = wx[0], wx[1], wx[2], wx[3], wx[4], wx[5]
                for n in range(channels):
                    total = cast(0)
                    for k in range(TAPS):
                        line = planes[n, top + k, left : left + TAPS]
                        across = w0 * line[0] + w1 * line[1] + w2 * line[2]
                        total += wy[k] * (across + w3 * line[3] + w4 * line[4] + w5 * line[5])
                    values[n, y, x] += weight * total
            else:
                for n in range(channels):
                    total = cast(0)
                    for k in range(TAPS):
                        line = planes[n, min(max(top + k, 0), height - 1)]
                        for m in range(TAPS):
                            total += wy[k] * wx[m] * line[min(max(left + m, 0), width - 1)]
                    values[n, y, x] += weight * total


@inlined
def _cell(at, size):
    """Index and fraction for linear interpolation at a place, the edge repeated."""
    at = np.float32(min(max(at, np.float32(0)), np.float32(size - 1)))
    index = min(int(at), max(size - 2, 0))
    return index, at - np.float32(index)


@inlined
def _row(plane, i, ti, line):
    """Fill ``line`` with what lies between rows ``i`` and ``i + 1`` of ``plane``, for all pixels of a frame's row."""
    above, under = plane[i], plane[min(i + 1, plane.shape[0] - 1)]
    for j in range(line.size):
        line[j] = above[j] + ti * (under[j] - above[j])


@inlined
def _on(line, j, tj):
    return line[j] + tj * (line[min(j + 1, line.size - 1)] - line[j])


@inlined
def _between(plane, i, j, ti, tj):
    below, right = min(i + 1, plane.shape[0] - 1), min(j + 1, plane.shape[1] - 1)
    above = plane[i, j] + tj * (plane[i, right] - plane[i, j])
    under = plane[below, j] + tj * (plane[below, right] - plane[below, j])
    return above + ti * (under - above)
