"""Contrast-detail studies: discs and bars in cells of an image, how much of their contrast is left, and thresholds."""

from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from pkn.evaluation.observers import CORRECT, detectability, threshold_detectability

SUPERSAMPLING = 16  # points along a pixel's side, for the share of pixels at the rim
DRAWS = 200  # of the bootstrap


def disc(diameter: float, side: int) -> np.ndarray:
    """A disc in the middle of a square cell: the share of each pixel that it covers.

    Parameters
    ----------
    diameter : float
        In pixels.
    side : int
        Of the cell, in pixels; larger than ``diameter``.

    Returns
    -------
    array of shape (side, side)

    Raises
    ------
    ValueError
        If the cell is too small, or the diameter not above 0.

    Examples
    --------
    >>> signal = disc(8, 24)
    >>> signal.shape, bool(abs(signal.sum() - 16 * np.pi) < 0.2)
    ((24, 24), True)
    """
    _check_size("diameter", diameter, side)
    y, x = _points(side)
    return _shares(np.hypot(y, x) <= diameter / 2)


def bar(width: float, length: float, side: int, angle: float = 30.0) -> np.ndarray:
    """A bar in the middle of a square cell: the share of each pixel that it covers.

    Parameters
    ----------
    width, length : float
        In pixels; the length is not below the width.
    side : int
        Of the cell, in pixels; larger than ``length``.
    angle : float
        Of the length to the rows, in degrees. Bars along rows suit methods that compare square blocks.

    Returns
    -------
    array of shape (side, side)

    Raises
    ------
    ValueError
        If the cell is too small, or a size not above 0.

    Examples
    --------
    >>> signal = bar(2, 16, 24)
    >>> round(float(signal.sum()))
    32
    """
    _check_size("length", length, side)
    _check_size("width", width, side)
    if width > length:
        raise ValueError(f"width is {width:g}; expected at most the length, {length:g}")
    y, x = _points(side)
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return _shares((abs(cos * x + sin * y) <= length / 2) & (abs(cos * y - sin * x) <= width / 2))


def tile(signal: np.ndarray, cells: int) -> np.ndarray:
    """An image of ``cells`` by ``cells`` copies of a cell.

    Examples
    --------
    >>> tile(disc(2, 8), 3).shape
    (24, 24)
    """
    return np.tile(signal, (cells, cells))


def split(image: np.ndarray, side: int) -> np.ndarray:
    """The cells of an image, row by row: the inverse of :func:`tile`.

    Parameters
    ----------
    image : array of shape (H, W)
    side : int
        Of a cell; divides H and W.

    Returns
    -------
    array of shape (number of cells, side, side)

    Raises
    ------
    ValueError
        If the image isn't made of whole cells.

    Examples
    --------
    >>> split(np.arange(16).reshape(4, 4), 2)[1].tolist()
    [[2.0, 3.0], [6.0, 7.0]]
    """
    height, width = image.shape
    if height % side or width % side:
        raise ValueError(f"image is of shape {image.shape}; expected multiples of the cell's side, {side}")
    rows = np.asarray(image, np.float64).reshape(height // side, side, width // side, side)
    return rows.swapaxes(1, 2).reshape(-1, side, side)


def contrast_transfer(present: np.ndarray, absent: np.ndarray, signal: np.ndarray, contrast: float) -> np.ndarray:
    """The contrast that is left, as a share of the true one, of each cell.

    The mean difference over the signal. Its expectation needs the same noise in both only to be reached sooner.

    Parameters
    ----------
    present, absent : array of shape (N, side, side)
        Processed cells with and without the signal.
    signal : array of shape (side, side)
        Of amplitude 1.
    contrast : float
        The amplitude before processing, not 0.

    Returns
    -------
    array of shape (N,)

    Examples
    --------
    >>> signal, noise = disc(4, 12), np.random.default_rng(0).normal(0, 1, (5, 12, 12))
    >>> contrast_transfer(noise + 0.25 * signal, noise, signal, 0.5).round(6).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    return np.asarray(np.tensordot(present - absent, signal, 2) / (contrast * np.sum(signal**2)))


def threshold_contrast(contrasts: Any, found: Any, correct: float = CORRECT) -> float:
    """The contrast at which d' reaches its threshold: between the contrasts of a study, linear in their logarithms.

    Parameters
    ----------
    contrasts : array of shape (L,)
        Above 0, increasing.
    found : array of shape (L,)
        d' at each; what falls is made level first (isotonic regression), because it is noise.
    correct : float
        The share of two alternatives that makes the threshold, above 0.5 and below 1.

    Returns
    -------
    float
        Infinite if the threshold isn't reached; the least contrast if it is reached there already.

    Raises
    ------
    ValueError
        For contrasts that don't increase from above 0, or a share that is no threshold.

    Examples
    --------
    >>> round(threshold_contrast([1, 2, 4], [1.0, 2.0, 4.0]), 3)
    1.756
    """
    contrasts, found = np.asarray(contrasts, np.float64), np.asarray(found, np.float64)
    if not 0.5 < correct < 1:
        raise ValueError(f"correct is {correct:g}; expected a share above 0.5 and below 1")
    if contrasts.ndim != 1 or contrasts.shape != found.shape or not (np.diff(contrasts, prepend=0) > 0).all():
        raise ValueError(f"contrasts is {contrasts.tolist()}; expected one above 0 for each d', increasing")
    rising, needed = isotonic_regression(found).x, threshold_detectability(correct)
    if rising[-1] < needed:
        return float("inf")
    at = int(np.argmax(rising >= needed))
    if at == 0:
        return float(contrasts[0])
    share = (needed - rising[at - 1]) / (rising[at] - rising[at - 1])
    return float(np.exp(np.interp(share, [0, 1], np.log(contrasts[at - 1 : at + 1]))))


def bootstrap_thresholds(contrasts: Any, present: np.ndarray, absent: np.ndarray, rng: Any = None) -> np.ndarray:
    """Thresholds of resampled cells, for error bars; a cell is drawn at all contrasts or at none.

    Parameters
    ----------
    contrasts : array of shape (L,)
    present, absent : array of shape (L, N)
        Scores at each contrast.
    rng : Generator or int, optional

    Returns
    -------
    array of shape (200,)

    Examples
    --------
    >>> absent = np.random.default_rng(0).normal(0, 1, (3, 100))
    >>> found = bootstrap_thresholds([1, 2, 4], absent + [[1], [2], [4]], absent, rng=0)
    >>> bool(np.std(found) < 0.3)
    True
    """
    random = np.random.default_rng(rng)
    number = present.shape[1]
    drawn = random.integers(number, size=(DRAWS, number))
    return np.array(
        [
            threshold_contrast(
                contrasts, [detectability(p[index], a[index]) for p, a in zip(present, absent, strict=True)]
            )
            for index in drawn
        ]
    )


def _check_size(name: str, size: float, side: int) -> None:
    if not 0 < size < side:
        raise ValueError(f"{name} is {size:g}; expected above 0 and below the cell's side, {side}")


def _points(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of points, from the cell's middle."""
    along = (np.arange(side * SUPERSAMPLING) + 0.5) / SUPERSAMPLING - side / 2
    return along[:, None], along[None, :]


def _shares(inside: np.ndarray) -> np.ndarray:
    side = inside.shape[0] // SUPERSAMPLING
    return np.asarray(inside.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING).mean((1, 3)))
