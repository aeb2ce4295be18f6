"""Padding at borders, a linear stage of its own: rows and columns outside the image by index, and the adjoint."""

import numpy as np

from pkn.filters.engine.compile import kernel

MODES = ("reflect", "mirror", "nearest", "wrap", "constant")
OUTSIDE = -1


def border_index(size: int, radius: int, mode: str) -> np.ndarray:
    """Return the index that each of ``size + 2 radius`` positions reads (modes of scipy.ndimage); OUTSIDE reads 0."""
    position = np.arange(-radius, size + radius)
    if mode == "reflect":  # d c b a | a b c d | d c b a
        position = position % (2 * size)
        return np.minimum(position, 2 * size - 1 - position)
    if mode == "mirror":  # d c b | a b c d | c b a
        period = max(2 * size - 2, 1)
        position = position % period
        return np.minimum(position, period - position) if size > 1 else position
    if mode == "nearest":
        return np.clip(position, 0, size - 1)
    if mode == "wrap":
        return position % size
    return np.where((position >= 0) & (position < size), position, OUTSIDE)


@kernel
def pad_rows(image, n, rows, columns, first, window):
    """Copy padded rows of image ``n`` to ``window`` (rows, C, >= len(columns)); return whether all values are finite.

    ``rows`` and ``columns`` are the indices that the padded positions read. The columns of the image itself are copied
    as one run, and columns beyond the padded width are set to 0. Channels of ``window`` are filled from ``first`` on.
    """
    width = image.shape[3]
    left = (columns.size - width) // 2
    good = True
    for y in range(rows.size):
        for c in range(image.shape[1]):
            target = window[y, first + c]
            if rows[y] == OUTSIDE:
                target[:] = 0
                continue
            source = image[n, c, rows[y]]
            middle = target[left : left + width]
            bad = 0
            for x in range(width):
                middle[x] = source[x]
                bad |= source[x] - source[x] != 0  # NaN and infinities
            good &= bad == 0
            for x in range(left):
                far = columns.size - 1 - x
                target[x] = source[columns[x]] if columns[x] != OUTSIDE else 0
                target[far] = source[columns[far]] if columns[far] != OUTSIDE else 0
            target[columns.size :] = 0
    return good


@kernel
def mark_rows(window, valid, n, rows, columns):
    """Set the last channel to 1 where a pixel is valid and finite in all channels; elsewhere set all channels to 0."""
    last = window.shape[1] - 1
    for y in range(rows.size):
        for x in range(window.shape[2]):
            good = True
            for c in range(last):
                good &= window[y, c, x] - window[y, c, x] == 0
            if x < columns.size and rows[y] != OUTSIDE and columns[x] != OUTSIDE:
                good &= valid[min(n, valid.shape[0] - 1), rows[y], columns[x]]
            if not good:
                window[y, :, x] = 0
            window[y, last, x] = good


def pad(image: np.ndarray, radius: int, mode: str) -> np.ndarray:
    """Pad the last two axes of ``image`` by ``radius``."""
    for axis in (-2, -1):
        index = border_index(image.shape[axis], radius, mode)
        image = np.take(image, np.maximum(index, 0), axis)
        np.moveaxis(image, axis, 0)[index == OUTSIDE] = 0
    return image


def pad_adjoint(v_padded: np.ndarray, radius: int, mode: str) -> np.ndarray:
    """The transpose of :func:`pad`: the cotangent of each padded position is added to the pixel that it read."""
    for axis in (-1, -2):
        v_padded = np.moveaxis(v_padded, axis, 0)
        size = v_padded.shape[0] - 2 * radius
        index = border_index(size, radius, mode)
        v_image = v_padded[radius : radius + size].copy()
        for position in (*range(radius), *range(radius + size, index.size)):
            if index[position] != OUTSIDE:
                v_image[index[position]] += v_padded[position]
        v_padded = np.moveaxis(v_image, 0, axis)
    return np.ascontiguousarray(v_padded)
