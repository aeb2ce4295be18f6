"""From one pyramid level to the next: 2 x 2 means down, half-pixel bilinear interpolation up, and their adjoints.

The pair of both doesn't shift the image. Along a side of odd length the last pixel is repeated before halving, and the
result of doubling is cropped.
"""

from collections.abc import Callable

import numpy as np

from pkn.filters.engine.compile import inlined, kernel
from pkn.filters.engine.math import fma
from pkn.filters.engine.memory import empty
from pkn.filters.engine.threads import run_strips

ROWS = 256  # in a strip
column = np.uintp  # signed columns make Numba emit a wraparound test


def level_size(size: tuple[int, int], level: int) -> tuple[int, int]:
    """Height and width of a pyramid level of an image of ``size``; level 0 is the image itself."""
    return -(-size[0] // 2**level), -(-size[1] // 2**level)


def halve(image: np.ndarray, gaps: bool = False) -> np.ndarray:
    """Return the means of 2 x 2 pixels of (..., H, W); with ``gaps``, of those that aren't NaN."""
    if gaps:
        return _halve_with_gaps(image)
    height, width = image.shape[-2:]
    planes = np.ascontiguousarray(image).reshape(-1, height, width)
    out = empty((len(planes), -(-height // 2), -(-width // 2)), image.dtype)
    run_strips(lambda n, start, stop: _halve_rows(planes, start, stop, out), 1, out.shape[1], ROWS)
    return out.reshape(*image.shape[:-2], *out.shape[1:])


@kernel
def _halve_rows(planes, start, stop, out):
    quarter = out.dtype.type(0.25)
    height, width = planes.shape[1:]
    for p in range(out.shape[0]):
        for y in range(start, stop):
            above, below, target = planes[p, 2 * y], planes[p, min(2 * y + 1, height - 1)], out[p, y]
            for x in range(width // 2):
                at = column(2) * column(x)
                beside = at + column(1)
                target[x] = (above[at] + above[beside] + (below[at] + below[beside])) * quarter
            if width % 2:
                last = width - 1
                target[last // 2] = (above[last] + above[last] + (below[last] + below[last])) * quarter


def _halve_with_gaps(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[-2:]
    image = np.pad(image, [(0, 0)] * (image.ndim - 2) + [(0, height % 2), (0, width % 2)], mode="edge")
    parts = [image[..., r::2, c::2] for r in (0, 1) for c in (0, 1)]
    count = np.sum([~np.isnan(part) for part in parts], axis=0, dtype=image.dtype)
    parts = [np.where(np.isnan(part), 0, part) for part in parts]
    with np.errstate(invalid="ignore"):  # the order of _halve_rows, so that blocks without gaps are bit-identical
        return np.asarray((parts[0] + parts[1] + (parts[2] + parts[3])) / count)


def halve_adjoint(v_half: np.ndarray, size: tuple[int, int], valid: np.ndarray | None = None) -> np.ndarray:
    """The transpose of :func:`halve` for an image of ``size``; ``valid`` (..., H, W) is False at its gaps."""
    if valid is not None:
        share = halve(valid.astype(v_half.dtype))
        v_half = np.where(share > 0, v_half / np.maximum(share, v_half.dtype.type(0.25)), 0)
        return np.where(valid, halve_adjoint(v_half, size), 0)
    v_image = np.repeat(np.repeat(v_half * v_half.dtype.type(0.25), 2, -2), 2, -1)
    for axis in (-2, -1):
        v_image = np.moveaxis(v_image, axis, 0)
        if size[axis] % 2:
            v_image[-2] += v_image[-1]
            v_image = v_image[:-1]
        v_image = np.moveaxis(v_image, 0, axis)
    return v_image


@inlined
def _double_row(plane, y, line, out):
    """Fill ``out`` with row ``y`` of ``plane`` at twice the size; ``line`` is scratch memory of the plane's width."""
    quarter = out.dtype.type(0.25)
    at = y // 2
    near, far = plane[at], plane[min(max(at + 2 * (y % 2) - 1, 0), plane.shape[0] - 1)]
    for x in range(line.size):
        line[x] = near[x] + quarter * (far[x] - near[x])
    left, right, inner = line[:-1], line[1:], out[1:]
    for x in range(inner.size // 2):  # in one loop stores to odd and even columns are contiguous
        at = column(2) * column(x)
        inner[at] = left[x] + quarter * (right[x] - left[x])
        inner[at + column(1)] = right[x] + quarter * (left[x] - right[x])
    out[0] = line[0]
    if out.size == 2 * line.size:
        out[out.size - 1] = line[line.size - 1]


@kernel
def _double_rows(planes, start, stop, out):
    line = np.empty(planes.shape[2], planes.dtype)
    for p in range(planes.shape[0]):
        for y in range(start, stop):
            _double_row(planes[p], y, line, out[p, y])


def double(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Interpolate (..., H, W) bilinearly to twice the size, cropped to ``size``; constants are exact."""
    planes = np.ascontiguousarray(image).reshape(-1, *image.shape[-2:])
    out = empty((len(planes), *size), image.dtype)
    run_strips(lambda n, start, stop: _double_rows(planes, start, stop, out), 1, size[0], ROWS)
    return out.reshape(*image.shape[:-2], *size)


@kernel
def _blend_rows(fine, coarser, share, start, stop, out, step):
    """Blend planes (N, C, ...); ``step`` is filled with the differences unless it is empty."""
    cast = out.dtype.type
    line, coarse = np.empty(coarser.shape[3], out.dtype), np.empty(out.shape[3], out.dtype)
    for n in range(out.shape[0]):
        parts = share[min(n, share.shape[0] - 1), 0]
        for c in range(out.shape[1]):
            for y in range(start, stop):
                _double_row(coarser[n, c], y, line, coarse)
                here, part, target = fine[n, c, y], parts[min(y, parts.shape[0] - 1)], out[n, c, y]
                same = part.size == 1
                for x in range(target.size):
                    s = part[0 if same else x]
                    d = here[x] - coarse[x]
                    target[x] = fma(s, d, coarse[x]) if s < cast(0.5) else fma(s - cast(1), d, here[x])
                if step.size:
                    for x in range(target.size):
                        step[n, c, y, x] = here[x] - coarse[x]


def blend(
    fine: np.ndarray, coarser: np.ndarray, share: np.ndarray, keep: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return share * fine + (1 - share) * double(coarser), (N, C, H, W); exact for a share of 0 and 1.

    The second result is the difference of the two images, empty unless ``keep``; the third is the share.
    """
    out = empty(fine.shape, fine.dtype)
    step = np.empty(fine.shape if keep else (0, 0, 0, 0), fine.dtype)
    fine, coarser, share = (np.ascontiguousarray(each) for each in (fine, coarser, share))
    run_strips(lambda n, start, stop: _blend_rows(fine, coarser, share, start, stop, out, step), 1, fine.shape[2], ROWS)
    return out, step, share


def blending(coarser: np.ndarray, share: np.ndarray) -> Callable[[np.ndarray, int, int, int], None]:
    """A function that does as :func:`blend`, in place, with rows ``start`` to ``stop`` of image ``n`` of ``fine``."""
    coarser, share = np.ascontiguousarray(coarser), np.ascontiguousarray(share)
    step = np.empty((0, 0, 0, 0), coarser.dtype)

    def blend_rows(fine: np.ndarray, n: int, start: int, stop: int) -> None:
        here, own = fine[n : n + 1], share[min(n, len(share) - 1) :]
        _blend_rows(here, coarser[n : n + 1], own, start, stop, here, step)

    return blend_rows


def blend_with_gaps(
    fine: np.ndarray, coarser: np.ndarray, share: np.ndarray, keep: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`blend`; where one of the two images has no value (NaN), the other is taken, and the share says so."""
    out, step, share = blend(fine, coarser, share, keep=True)
    coarse = double(coarser, fine.shape[-2:])
    out = np.where(np.isnan(fine), coarse, np.where(np.isnan(coarse), fine, out))
    return out, step, np.where(np.isnan(fine), 0, np.where(np.isnan(coarse), 1, share))


def double_adjoint(v_image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The transpose of :func:`double` for an image of ``size``."""
    for axis in (-2, -1):
        v_image = np.moveaxis(v_image, axis, 0)
        v_both = np.zeros((2 * size[axis], *v_image.shape[1:]), v_image.dtype)
        v_both[: v_image.shape[0]] = v_image
        v_half = v_both[::2] + v_both[1::2]
        v_step = (v_both[1:-1:2] - v_both[2::2]) * v_image.dtype.type(0.25)
        v_half[1:] += v_step
        v_half[:-1] -= v_step
        v_image = np.moveaxis(v_half, 0, axis)
    return v_image
