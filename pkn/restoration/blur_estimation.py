"""Estimation of an image's Gaussian blur: what its edges lose when they are blurred once more."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, minimum_filter

from pkn.filters.arrays import check_image, check_mask, to_planes
from pkn.restoration.arguments import fill_gaps
from pkn.restoration.denoising import denoise

ANGLES = 12  # directions in half a turn
REBLUR = 1.0  # px, of the Gaussian that the image is blurred by once more
REACH = 4  # px from a border or a missing pixel, within which nothing is measured
# Of a Gaussian edge, variances that pixels (the integral over one) and central differences add to the blur's, px^2.
SAMPLING = 1 / 12 + 1 / 3
STRONGEST = 0.1  # share of the edges' pixels that count, those of the steepest edges
# Of the edges' variances: edges of the scene are soft themselves, and thin lines look sharper than they are. Of an
# ideal edge all are the same; on photographs of train/bsds432, blurred by 0.8 to 2.5 px, this is right in the median.
QUANTILE = 0.6
# Where a scene is soft, edges are of many widths, and the sharpest tell: on those photographs the lower quantile times
# the factor, with the offset, px^2, is right in the median too.
SHARPEST, FACTOR, OFFSET = 0.2, 1.56, 0.35
FEWEST = 12  # pixels of edges in a direction
FAINTEST = 0.05  # of the steepest edge's gradient: others are none
ROUNDS, FINEST = 30, 1e-3  # of reweighted least squares, and px^2, below which residuals count alike
SMALLEST, LARGEST = 0.3, 4.0  # px


def estimate_blur(image: Any, *, channel_axis: int | None = None, mask: Any = None) -> np.ndarray:
    """Estimate the Gaussian blur of an image from its edges.

    Blurred once more, by s = 1 px, the gradient at an edge of width v falls by R = sqrt(v^2 + s^2) / v, whatever the
    edge's contrast (Zhuo and Sim, "Defocus map estimation from a single image", Pattern Recognition 44, 2011): so
    v^2 = s^2 / (R^2 - 1), less what pixels and differences add. The widths of the steepest edges are taken in 12
    directions, and a covariance is fitted to them. Noise is removed before.

    On photographs of BSD68, blurred by 0.5, 0.8, 1.5 and 2.5 px, the median of the major axis is 0.6, 0.9, 1.5 and
    2.6 px, and with noise of 5/255 0.6, 0.9, 1.5 and 2.1 px (benchmarks/blur_estimates.py).

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        Channels are averaged. Pixels that are not finite are ignored.
    channel_axis : int, optional
        Axis of the channels.
    mask : bool array of shape (H, W), optional
        Pixels that are False are ignored.

    Returns
    -------
    array of shape (2, 2)
        Covariance in pixels squared, in the order (row, column). Both standard deviations are between 0.3 and 4 px;
        0.3 px for an image without any edge.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import AnisotropicGaussian
    >>> rows, columns = np.mgrid[:80, :80] - 40.0
    >>> disc = np.clip(25.5 - np.hypot(rows, columns), 0, 1)
    >>> covariance = pkn.estimate_blur(AnisotropicGaussian(12)(disc, kx=1 / 3, ky=1, rho=0))
    >>> np.sqrt(np.diag(covariance)).round(1).tolist()  # of 1 px and 3 px
    [1.0, 3.1]
    """
    planes = to_planes(check_image(image, channel_axis), channel_axis)
    checked_mask = check_mask(mask, *planes.shape[2:])
    finite = np.isfinite(planes).all(1)
    return estimate_covariance(planes, finite if checked_mask is None else finite & checked_mask)


def estimate_covariance(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """As :func:`estimate_blur`, for an image (1, C, H, W) and its mask of valid pixels (1, H, W)."""
    nothing = SMALLEST**2 * np.eye(2)
    if not valid.any():
        return nothing
    grey = planes.mean(1, keepdims=True, dtype=np.float64)
    grey = fill_gaps(grey, valid) if not valid.all() else grey
    inside = minimum_filter(np.pad(valid[0], 1), 2 * REACH + 1)[1:-1, 1:-1]
    edges = _edges(denoise(grey[0, 0].astype(np.float64)), inside)
    return _covariance(*edges) if edges[0].size else nothing


def _edges(grey: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel of an edge its variance (px^2), the direction across it, 0 to pi, and how steep it is."""
    if min(grey.shape) <= 2 * REACH:
        return np.empty(0), np.empty(0), np.empty(0)
    before, after = (np.gradient(image) for image in (grey, gaussian_filter(grey, REBLUR)))
    steep, steep_after = np.hypot(*before), np.hypot(*after)
    crests = inside & (steep_after > FAINTEST * steep_after.max()) & _crests(steep_after, np.stack(after))
    ratio = steep[crests] / steep_after[crests]
    variances = REBLUR**2 / np.maximum(ratio**2 - 1, 1e-6) - SAMPLING
    return variances, np.arctan2(after[0][crests], after[1][crests]) % np.pi, steep_after[crests]


def _crests(steep: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Where the gradient is steeper than a pixel further up and down."""
    step = gradient / np.maximum(steep, np.finfo(steep.dtype).tiny)
    here = np.indices(steep.shape)
    around = (map_coordinates(steep, here + sign * step, order=1, mode="nearest") for sign in (-1, 1))
    crests: np.ndarray = np.logical_and(*(steep >= other for other in around))
    return crests


def _covariance(variances: np.ndarray, angles: np.ndarray, steepness: np.ndarray) -> np.ndarray:
    """Fit a covariance (row, column) to a quantile of the variances across the steepest edges of each direction."""
    by_direction = list(_by_direction(angles))
    chosen = np.concatenate([_steepest(near, steepness) for near in by_direction])
    sine, cosine = np.sin(angles[chosen]), np.cos(angles[chosen])
    terms = np.stack([sine**2, 2 * sine * cosine, cosine**2], 1)
    if sum(near.size >= FEWEST for near in by_direction) < 3:  # too few to tell directions apart
        terms = np.ones((chosen.size, 1))
    fitted, sharpest = (_fitted(terms, variances[chosen], quantile) for quantile in (QUANTILE, SHARPEST))
    most = FACTOR * np.trace(sharpest) / 2 + OFFSET
    parts, axes = np.linalg.eigh(fitted * min(1, most / max(np.trace(fitted) / 2, SMALLEST**2)))
    covariance: np.ndarray = (axes * np.clip(parts, SMALLEST**2, LARGEST**2)) @ axes.T
    return covariance


def _fitted(terms: np.ndarray, variances: np.ndarray, quantile: float) -> np.ndarray:
    found = _quantile_regression(terms, variances, quantile)
    rows, both, columns = found if found.size == 3 else (found[0], 0.0, found[0])
    return np.array([[rows, both], [both, columns]])


def _by_direction(angles: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of the edges in each of ``ANGLES`` directions."""
    nearest = np.rint(angles * ANGLES / np.pi).astype(int) % ANGLES
    yield from (np.flatnonzero(nearest == direction) for direction in range(ANGLES))


def _steepest(indices: np.ndarray, steepness: np.ndarray) -> np.ndarray:
    count = max(FEWEST, round(STRONGEST * indices.size))
    return indices[np.argsort(-steepness[indices])[:count]]


def _quantile_regression(terms: np.ndarray, values: np.ndarray, quantile: float) -> np.ndarray:
    """Coefficients of the terms (n, k) for a quantile of the values (n,), by reweighted least squares."""
    weights = np.ones_like(values)
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        coefficients = np.linalg.lstsq(terms * root[:, None], values * root)[0]
        residuals = values - terms @ coefficients
        weights = np.where(residuals > 0, quantile, 1 - quantile) / np.maximum(np.abs(residuals), FINEST)
    return np.asarray(coefficients)
