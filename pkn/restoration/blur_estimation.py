"""Estimation of an image's Gaussian blur from its largest derivatives (Delbracio et al. 2021, "Polyblur")."""

from typing import Any

import numpy as np

from pkn.filters.arrays import check_image, check_mask, to_planes

ANGLES, FINE_ANGLES = 6, 30  # directions in half a turn: those measured, and those interpolated
SLOPE, INTERCEPT = 0.352, 0.768  # c and b of the model sigma^2 = c^2 / f^2 - b^2
SMALLEST, LARGEST = 0.3, 4.0  # px


def estimate_blur(image: Any, *, channel_axis: int | None = None, mask: Any = None) -> np.ndarray:
    """Estimate the Gaussian blur of an image from its gradients.

    This is the estimate of Polyblur (Delbracio, Garcia-Dorado, Choi, Kelly, Milanfar, "Polyblur: Removing Mild Blur by
    Polynomial Reblurring", 2021): in an image with sharp edges, scaled to the range 0 to 1, the largest derivative f in
    a direction falls with the blur along it, sigma^2 = c^2 / f^2 - b^2 with c = 0.352, b = 0.768. It is measured in 6
    directions and interpolated to 30; the direction of the smallest one is the blur's major axis. Derivatives
    are central differences, which noise disturbs less than exact ones: on photographs of BSD68, blurred by 0.5, 0.8,
    1.5 and 2.5 px, the median of the major axis is 0.5, 0.9, 1.9 and 3.1 px, much the same with noise up to 5/255.

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
    [0.8, 2.6]
    """
    planes = to_planes(check_image(image, channel_axis), channel_axis)
    checked_mask = check_mask(mask, *planes.shape[2:])
    finite = np.isfinite(planes).all(1)
    return estimate_covariance(planes, finite if checked_mask is None else finite & checked_mask)


def estimate_covariance(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """As :func:`estimate_blur`, for an image (1, C, H, W) and its mask of valid pixels (1, H, W)."""
    if not valid.any():
        return SMALLEST**2 * np.eye(2)
    grey = planes[0].mean(0)
    return _covariance(_largest_derivatives(_scale_to_unit_range(grey, valid[0]), valid[0]))


def _scale_to_unit_range(grey: np.ndarray, valid: np.ndarray) -> np.ndarray:
    low, high = grey[valid].min(), grey[valid].max()
    unit: np.ndarray = (grey - low) / (high - low) if high > low else grey - low
    return unit


def _largest_derivatives(grey: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Largest absolute derivative (1/px) in ``ANGLES`` directions, starting with the one along the columns' axis."""
    g_row, g_col = (_central_differences(grey, valid, axis) for axis in (0, 1))
    both = np.isfinite(g_row) & np.isfinite(g_col)
    g_row, g_col = g_row[both], g_col[both]
    angles = np.arange(ANGLES) * np.pi / ANGLES
    return np.array([np.abs(np.cos(a) * g_col + np.sin(a) * g_row).max(initial=0) for a in angles])


def _central_differences(grey: np.ndarray, valid: np.ndarray, axis: int) -> np.ndarray:
    """Central differences; NaN at the image's edges and beside invalid pixels."""
    values = np.moveaxis(np.where(valid, grey, np.nan), axis, 0)
    out = np.full_like(values, np.nan)
    out[1:-1] = (values[2:] - values[:-2]) / 2
    return np.moveaxis(out, 0, axis)


def _covariance(maxima: np.ndarray) -> np.ndarray:
    """Covariance (row, column) from the largest derivatives in ``ANGLES`` directions."""
    fine = _interpolate(maxima)
    major = int(fine.argmin())
    minor = (major + FINE_ANGLES // 2) % FINE_ANGLES
    if not maxima.any():  # without any edge, the smallest blur is returned
        return SMALLEST**2 * np.eye(2)
    with np.errstate(divide="ignore"):
        variances = SLOPE**2 / np.maximum(fine[[major, minor]], 0) ** 2 - INTERCEPT**2
    major_2, minor_2 = np.clip(variances, SMALLEST**2, LARGEST**2)
    angle = major * np.pi / FINE_ANGLES
    axis = np.array([np.sin(angle), np.cos(angle)])  # (row, column)
    covariance: np.ndarray = minor_2 * np.eye(2) + (major_2 - minor_2) * np.outer(axis, axis)
    return covariance


def _interpolate(maxima: np.ndarray) -> np.ndarray:
    """Cubic interpolation (Keys, a = -1/2) on the circle of directions."""
    position = np.arange(FINE_ANGLES) * ANGLES / FINE_ANGLES
    d = np.abs(position[:, None] - np.arange(-2, ANGLES + 2))
    near, far = (1.5 * d - 2.5) * d * d + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2
    weights = np.where(d < 1, near, np.where(d < 2, far, 0))
    fine: np.ndarray = weights @ np.take(maxima, np.arange(-2, ANGLES + 2), mode="wrap")
    return fine
