"""Deconvolution by a reblur filter, whose maps a network predicts, or for a blur that is known or estimated."""

import math
from typing import Any

import numpy as np

from pkn.filters import Reblur
from pkn.filters.arrays import (
    FULL_RANGE,
    as_array,
    check_dtype,
    check_image,
    check_mask,
    from_planes,
    target_dtype,
    to_planes,
)
from pkn.filters.gaussian_parameters import inverse_widths_of
from pkn.restoration.arguments import check_sigma, check_strength, fill_gaps
from pkn.restoration.blur_arguments import NARROWEST, Plan, check_blur, check_kernel, gaussian_kernel, plan_of
from pkn.restoration.blur_estimation import estimate_blur, estimate_covariance
from pkn.restoration.compression import compression_error
from pkn.restoration.denoising import DEFAULT_NET as DENOISER
from pkn.restoration.denoising import predict_maps
from pkn.restoration.first_stage import PartlyDenoised, Shares, partly_denoised
from pkn.restoration.kernel_inverse import undo
from pkn.restoration.noise_estimation import white_level
from pkn.restoration.noise_statistics import sample_of, statistics_of
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.reblur_design import fit_spectrum, wiener_design
from pkn.version import __version__

DEFAULT_NET = "reblur"
WINDOW = 3  # radius of the window, in standard deviations of the blur
# px^2, by which an estimated blur's variance may be too large: textures without sharp edges look blurred. With it sharp
# photographs stay within 32 dB of themselves (24 dB without), and blurred ones lose 0.1 to 0.3 dB.
SHARPER = 0.6
# From photographs of train/bsds432, blurred by 0.8 to 2.5 px, with white noise of 0.5 to 40/255: denoised before, noise
# of 5/255 costs 0.4 dB less if the blur is known, of 20/255 0.9 dB less; the network gains 5 dB there.
SHARES = Shares(half=0.7 / 255, left=5 / 255)
SHARES_BLIND = Shares(half=2 / 255, left=5 / 255)
SHARES_OF_NETWORK = Shares(half=4 / 255, left=5 / 255)


def deconvolve(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    blur: Any = None,
    method: str | None = None,
    strength: Any = 1.0,
    sigma: Any = None,
    denoiser: Any = DENOISER,
    alpha: float | None = None,
    beta: float | None = None,
    iterations: int = 1,
    halo_suppression: bool | None = None,
    channel_axis: int | None = None,
    mask: Any = None,
    dtype: Any = None,
) -> np.ndarray:
    """Sharpen an image that is mildly blurred (up to about 3 px), and noisy.

    Without ``blur``, a network predicts the maps of a :class:`pkn.filters.Reblur` for every pixel. With ``blur``, no
    network is used for that: the same filter, a polynomial p(K) in a Gaussian K, has one value for each map. Sharpening
    would amplify noise, so most of it is taken before: the result is bit-identical to ``maps.apply(given, ...)`` with
    ``given, left = prepared(image, blur, ...)`` and the maps ``pkn.predict_maps(given, net, sigma=left, ...)``, or
    ``reblur_maps(given, blur, sigma=left, ...)`` (see :func:`pkn.restoration.deconvolution.prepared`).

    By default the polynomial p and the width of K minimise the mean squared error: a Wiener filter within this family,
    for the given or estimated noise level and a spectrum that falls as a power of the frequency, fitted to the image.
    With ``alpha`` or ``beta`` they are those of Polyblur (Delbracio, Garcia-Dorado, Choi, Kelly, Milanfar, "Polyblur:
    Removing Mild Blur by Polynomial Reblurring", 2021), whatever the noise level: p(0) = beta, p(1) = 1,
    p'(1) = -1, p''(1) = alpha.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        uint8 and uint16 are read as fractions of their full range, floats as they are. Pixels that are not finite
        carry no weight.
    net : str, path or MapNet
        Used where ``blur`` is None: a bundled name, a ``.safetensors`` file, or a network.
    blur : number, array of shape (2, 2), "estimate" or kernel, optional
        Standard deviation of a Gaussian blur in pixels, 0 to 8; or its covariance in pixels squared, order (row,
        column); or what :func:`pkn.estimate_blur` finds. Or any kernel (K, L) with odd sides, such as a motion's, as
        :func:`scipy.ndimage.convolve` takes it; what lies beyond the borders, and in gaps, is estimated too.
    method : {"reblur", "wiener"}, optional
        "reblur" is the filter with maps. "wiener" undoes ``blur`` by Wiener's estimate, and the noise that this leaves
        by ``denoiser``, which is told how strong it is at each scale: on blurred photographs 0.3 dB better, and without
        maps. An estimated blur is undone in full then, which oversharpens what was sharp. Kernels are undone so.
    strength : float or array of shape (H, W)
        0 is the identity and 1 is all of it, denoising too.
    sigma : float or array of shape (H, W), optional
        Standard deviation of the noise in image values; estimated by default. With ``blur`` what JPEG left counts as
        noise too, only the root mean square of ``sigma`` is used, and Polyblur's coefficients don't depend on it.
    denoiser : str, path or MapNet, optional
        The network that takes noise before. None leaves all to the filter, which then sharpens less; so does Polyblur
        (``alpha`` or ``beta``), whatever is given.
    alpha, beta : float, optional
        With ``blur``: Polyblur's coefficients instead of fitted ones, -100 to 100. ``alpha`` amplifies middle
        frequencies, ``beta`` is the gain of what the blur removed. If one is not given, it has its published value, 2
        or 3.
    iterations : int
        With ``alpha`` or ``beta``: 1 to 3 passes. Each pass undoes an equal part of a known blur's covariance; an
        unknown blur is estimated again before each pass.
    halo_suppression : bool, optional
        With ``blur``: where the gradients of image v and result u are opposed, M = max(0, -grad u . grad v) > 0, take
        ``z v + (1 - z) u`` with ``z = M / (M + |grad v|^2)``, pixel by pixel (Polyblur's public code has the sum of
        ``|grad v|^2`` over the image there, which makes next to no difference). By default with ``alpha`` or ``beta``
        only: it did not improve the results of fitted coefficients.
    channel_axis, mask, dtype
        As in :func:`pkn.denoise`.

    Returns
    -------
    array of the image's shape
        Not clipped, unless ``dtype`` is an integer type.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import IsotropicGaussian
    >>> rows, columns = np.mgrid[:60, :80]
    >>> sharp = ((rows // 12 + columns // 12) % 2).astype(float)
    >>> blurred = IsotropicGaussian(6)(sharp, sigma=1.5)
    >>> restored = pkn.deconvolve(blurred, blur=1.5, sigma=0.005)
    >>> [round(float(np.mean((image - sharp) ** 2)), 3) for image in (blurred, restored)]
    [0.046, 0.018]
    """
    check_dtype(dtype)
    plan = plan_of(alpha, beta, iterations, halo_suppression, blur is None)
    options = {"strength": strength, "channel_axis": channel_axis, "mask": mask}
    if (kernel := _kernel_of(image, blur, method, channel_axis, mask)) is not None:
        if plan.published or plan.halo_suppression:
            raise ValueError(
                'alpha, beta or halo_suppression is given with a kernel as blur, or with method "wiener"; expected'
                " none of them, or a Gaussian blur"
            )
        return _undone(check_image(image, channel_axis), kernel, sigma, denoiser, dtype=dtype, **options)
    covariance, own = None if blur is None else check_blur(blur), target_dtype(dtype, as_array(image).dtype)
    given, level = prepared(image, blur, None if plan.published else denoiser, sigma=sigma, **options)
    if blur is None:
        denoising: ParameterMaps = predict_maps(given, net, sigma=level, **options)
        return denoising.apply(given, mask=mask, dtype=own)
    planes, valid, strengths = _check(check_image(given, channel_axis), channel_axis, mask, strength)
    noise_level = _noise_level_of(level, planes, valid, own)
    out = planes
    for _ in range(plan.iterations):
        flt, maps, _ = _reblur(out, valid, covariance, plan, noise_level)
        checked_maps = flt.check_maps((), flt.strengthen(maps, strengths), planes)
        result, _ = flt.forward(out, checked_maps, None if valid.all() else valid, keep=False)
        out = _suppress_halo(out[0], result[0])[None] if plan.halo_suppression else result
    return from_planes(out, channel_axis, own, own)


def _kernel_of(image: Any, blur: Any, method: str | None, channel_axis: int | None, mask: Any) -> np.ndarray | None:
    """The kernel that Wiener's estimate is to undo; None if the reblur filter is to undo the blur."""
    if method not in (None, "reblur", "wiener"):
        raise ValueError(f'method is {method!r}; expected "reblur" or "wiener"')
    kernel = check_kernel(blur)
    if kernel is not None and method == "reblur":
        raise ValueError('method is "reblur", but blur is a kernel; expected "wiener", or a Gaussian blur')
    if kernel is not None or method != "wiener":
        return kernel
    if blur is None:
        raise ValueError('method is "wiener", but blur is None; expected a blur, or "estimate"')
    covariance = check_blur(blur)
    return gaussian_kernel(
        estimate_blur(image, channel_axis=channel_axis, mask=mask) if covariance is None else covariance
    )


def _undone(
    image: np.ndarray,
    kernel: np.ndarray,
    sigma: Any,
    denoiser: Any,
    *,
    strength: Any,
    channel_axis: int | None,
    mask: Any,
    dtype: Any,
) -> np.ndarray:
    """:func:`deconvolve` for any given kernel."""
    planes, valid, strengths = _check(image, channel_axis, mask, strength)
    noise_level = _noise_level_of(sigma, planes, valid, image.dtype)
    filled = planes if valid.all() else fill_gaps(planes, valid).astype(planes.dtype)
    out = planes + strengths * (undo(filled[0], valid[0], kernel, noise_level, denoiser)[None] - planes)
    return from_planes(out, channel_axis, dtype, image.dtype)


def prepared(
    image: Any,
    blur: Any = None,
    denoiser: Any = DENOISER,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    channel_axis: int | None = None,
    mask: Any = None,
) -> PartlyDenoised:
    """What :func:`deconvolve` sharpens, and the noise level that is left in it.

    The image is denoised by ``denoiser``, but for little noise; parameters are those of :func:`deconvolve`. With a
    ``blur``, an estimated noise level is at least what rounding or JPEG left.

    Returns
    -------
    PartlyDenoised

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    image = check_image(image, channel_axis)
    options = {"channel_axis": channel_axis, "mask": mask}
    if denoiser is None:
        given, left = image, sigma
    else:
        shares = SHARES_OF_NETWORK if blur is None else SHARES_BLIND if isinstance(blur, str) else SHARES
        given, left = partly_denoised(image, shares, denoiser, strength=strength, sigma=sigma, **options)
    if blur is None or sigma is not None:
        return PartlyDenoised(given, left)
    planes, valid, _ = _check(image, channel_axis, mask, strength)
    return PartlyDenoised(given, _noise_level(left, planes, valid, image.dtype))


def reblur_maps(
    image: Any,
    blur: Any,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    alpha: float | None = None,
    beta: float | None = None,
    channel_axis: int | None = None,
    mask: Any = None,
) -> ParameterMaps:
    """The maps, each of one value, with which :func:`deconvolve` undoes ``blur`` in one pass: to plot, edit and save.

    Parameters are those of :func:`deconvolve`, whose result without halo suppression and without a ``denoiser`` is
    ``maps.apply(image)``.

    Returns
    -------
    pkn.ParameterMaps

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    plan, covariance = plan_of(alpha, beta, 1, None, False), check_blur(blur)
    image = check_image(image, channel_axis)
    planes, valid, strengths = _check(image, channel_axis, mask, strength)
    noise_level = _noise_level_of(sigma, planes, valid, image.dtype)
    flt, maps, blur_covariance = _reblur(planes, valid, covariance, plan, noise_level)
    size = planes.shape[2:]
    values = {name: np.broadcast_to(value, size) for name, value in flt.strengthen(maps, strengths).items()}
    provenance = {
        "pkn": __version__,
        "net": "none: Polyblur's coefficients" if plan.published else "none: fitted to blur and noise",
        "blur": blur_covariance.tolist(),
        "sigma": noise_level,
        "sigma_given": sigma is not None,
        "strength": float(strengths) if np.ndim(strengths) == 0 else "map",
    }
    return ParameterMaps(flt, values, channel_axis, provenance)


def _check(image: np.ndarray, channel_axis: int | None, mask: Any, strength: Any) -> tuple[np.ndarray, ...]:
    """Planes with NaN for invalid pixels, the mask of valid pixels (1, H, W), and the strength."""
    planes = to_planes(image, channel_axis)
    height, width = planes.shape[2:]
    strengths, checked_mask = check_strength(strength, (height, width)), check_mask(mask, height, width)
    valid = np.isfinite(planes).all(1)
    if checked_mask is not None:
        valid = valid & checked_mask
    if not valid.all():
        planes = np.where(valid[:, None], planes, planes.dtype.type(np.nan))
    return planes, valid, strengths


def _reblur(
    planes: np.ndarray, valid: np.ndarray, known: np.ndarray | None, plan: Plan, sigma: float
) -> tuple[Reblur, dict[str, np.ndarray], np.ndarray]:
    """A filter, its maps (numbers), and the covariance of the blur that it undoes in one pass."""
    blur = estimate_covariance(planes, valid) if known is None else known / plan.iterations
    radius = max(1, math.ceil(WINDOW * math.sqrt(np.linalg.eigvalsh(blur)[1]) - 1e-9))
    if plan.published:
        covariance, polynomial = blur, (plan.published[1], -1.0, plan.published[0])
    else:
        spectrum = fit_spectrum(planes[0], blur, sigma)
        design = wiener_design(blur, sigma, spectrum, radius, likely_blurs(blur) if known is None else ())
        covariance, polynomial = design.covariance, (design.gain, design.slope, design.curvature)
    flt = Reblur(radius)
    values = np.asarray((*inverse_widths_of(covariance), *polynomial), planes.dtype)
    return flt, dict(zip(flt.ranges, values, strict=True)), blur


def likely_blurs(covariance: np.ndarray) -> list[np.ndarray]:
    """Covariances that a blur may have which is estimated as this."""
    variances, axes = np.linalg.eigh(covariance)
    sharper = (axes * np.maximum(variances - SHARPER, NARROWEST**2)) @ axes.T
    return [sharper, covariance]


def _noise_level_of(sigma: Any, planes: np.ndarray, valid: np.ndarray, dtype: np.dtype[Any]) -> float:
    """Root mean square of the noise level that is given, or else estimated."""
    level = check_sigma(_noise_level(None, planes, valid, dtype) if sigma is None else sigma, planes.shape[2:])
    return float(np.sqrt(np.mean(np.square(np.asarray(level), dtype=np.float64))))


def _noise_level(left: Any, planes: np.ndarray, valid: np.ndarray, dtype: np.dtype[Any]) -> Any:
    """The noise level that is left, or an estimate of white noise, and at least what rounding or JPEG left."""
    if left is None:
        sample, mask = sample_of(planes[0]), None if valid.all() else sample_of(valid)[0]
        left = white_level(statistics_of(sample, mask), sample, mask)
    rounding = 1 / (FULL_RANGE[dtype] * math.sqrt(12)) if dtype in FULL_RANGE else 0.0
    return np.maximum(left, max(rounding, compression_error(planes[0])))


def _suppress_halo(image: np.ndarray, result: np.ndarray) -> np.ndarray:
    """Mix the result (C, H, W) with the image where gradients are opposed, with the same weight for all channels."""
    axes = [axis for axis in (1, 2) if image.shape[axis] > 1]
    before = [np.gradient(image, axis=axis) for axis in axes]
    after = [np.gradient(result, axis=axis) for axis in axes]
    opposed = np.maximum(0, -sum((v * u).sum(0) for v, u in zip(before, after, strict=True)))
    steep = sum((v * v).sum(0) for v in before)
    z = np.divide(opposed, opposed + steep, out=np.zeros_like(image[0]), where=opposed > 0)
    return np.where(z > 0, result + z * (image - result), result)
