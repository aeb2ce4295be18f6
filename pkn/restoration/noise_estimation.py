"""Estimation of an image's noise: from the image itself, or from exposures of one scene.

A small regression reads statistics of blocks at four scales and says how much of them is noise, at each scale, of luma
and of chroma: lower quantiles alone take texture for noise. How the noise depends
on intensity is fitted to the smoothest blocks of each intensity, a curve and the line of a sensor's photons: in image
values, the variance at a clean intensity x is gain (x - black) + read_noise^2 (Foi, Trimeche, Katkovnik and Egiazarian,
"Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", 2008).
"""

from functools import cache
from typing import Any

import numpy as np

from pkn.degradations.measured_noise import level_deviations, with_coarser
from pkn.filters.arrays import check_image, check_mask, to_floats, to_planes
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.nets import estimate_sigma
from pkn.nets.weights import read_tensors
from pkn.pretrained import COLOURS, weights_folder
from pkn.restoration.noise_profile import NoiseProfile, of_channels
from pkn.restoration.noise_statistics import (
    BINS,
    DETAIL,
    LEVELS,
    MIN_BLOCKS,
    QUANTILE,
    QUANTILES,
    Statistics,
    increasing,
    intensity_bins,
    sample_of,
    statistics_of,
)

QUANTILE_OF_MEAN = 0.627  # of blocks of white noise, that quantile over their mean, measured on 65,000 blocks
ROUNDS = 12  # of reweighted least squares
WIDE, WIDEST = 0.7, 1.5  # px, width of a correlation: from where on half the resolution shows more, and at most
TEXTURE = 1.6  # factor of white noise's variance at half the resolution; photographs reach it by texture alone
NARROWEST = 0.3  # px; below it noise counts as white
TAPS = 8  # px, radius of the filter that is taken to have correlated the noise
UNSURE = 16  # blocks, with fewer of which a noise level is a guess
FLAT = 8  # px, of the Gaussian that a flat field's shading is smoother than
# How far noise levels may be from white, or from independence of intensity, to count as that, and from where on they
# don't at all: logarithms. Over photographs of train/bsds432 with white noise of 5 to 50 the first were 0.03, 0.07,
# 0.09 and 0.15 at most (but for grey ones with little noise); of JPEG files or with Poisson noise all were 0.5 or more.
WHITE, WHITE_COARSER = (0.04, 0.12), (0.1, 0.25)
FLAT_RGB, FLAT_GREY = (0.1, 0.25), (0.15, 0.4)
MOSTLY_WHOLE = 0.9  # of an image's pixels, neither missing nor clipped nor constant
OFFSET = 0.5  # share of the photons' variance above black 0, at the darkest intensity, below which there is an offset
EXPECTED_ERROR = 0.1  # of the regression, on simulated images held back


def estimate_noise(image: Any, *, channel_axis: int | None = None, mask: Any = None) -> NoiseProfile:
    """Estimate noise from a single image: white, signal-dependent or correlated.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        Any size and content: of flat, tiny or binary images the profile is a guess, and its ``uncertainty`` says so.
        Clipped pixels and constant areas are ignored.
    channel_axis : int, optional
        Axis of the channels: three are taken for R, G and B. With any other number, the channels are assumed to have
        the same noise, and the profile is that of one.
    mask : bool array of shape (H, W), optional
        Pixels that are False are ignored.

    Returns
    -------
    NoiseProfile

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> clean = np.linspace(0.1, 0.9, 200) * np.ones((200, 1))
    >>> sigma = np.sqrt(0.01 * clean + 0.02**2)
    >>> noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    >>> noise = pkn.estimate_noise(noisy)
    >>> round(float(noise.at(0.5) / sigma[100, 100]), 1), noise.correlation
    (1.0, 0.0)
    """
    planes = to_planes(check_image(image, channel_axis), channel_axis)[0]
    checked = check_mask(mask, *planes.shape[1:])
    return profile_of_planes(planes, None if checked is None else checked[0])


def profile_of_planes(planes: Any, mask: np.ndarray | None = None) -> NoiseProfile:
    """As :func:`estimate_noise`, of planes (C, H, W)."""
    if len(planes) not in COLOURS:
        rows = np.concatenate(list(planes), axis=0)
        return profile_of_planes(rows[None], None if mask is None else np.tile(mask, (len(planes), 1)))
    found = statistics_of(sample_of(planes), None if mask is None else sample_of(mask[None])[0])
    return profile_of_statistics(found, len(planes))


def profile_of_statistics(found: Statistics, channels: int) -> NoiseProfile:
    """The profile that the regression reads from statistics of an image of so many channels."""
    intensity, shape, measured = found.shape
    levels, shape = _white_if_alike(_levels(found, channels, "noise")), _flat_if_alike(shape)
    ratios = np.array([with_coarser(part) for part in levels])  # (parts, levels)
    sigma = ratios.T[:, :, None] * shape
    width = _correlation_of_blocks(found)
    typical = float(np.sqrt(of_channels(np.square(_levels(found, channels, "sensor")[:, 0]))))
    gain, read_noise, black = _sensor_line(found, width, typical)
    number = max(found.blocks.means.size, 1)
    uncertainty = min(1.0, EXPECTED_ERROR * max(1.0, np.sqrt(UNSURE * 4 / number)))
    return NoiseProfile(intensity, sigma, gain, read_noise, black, width, float(uncertainty), measured)


def _levels(found: Statistics, channels: int, estimator: str) -> np.ndarray:
    """Noise levels (parts, LEVELS) in image values, by one of the two regressions of :func:`_weights`."""
    if found.blocks.means.size == 0:
        return np.zeros((len(found.shape.factor), LEVELS))
    relative = _levels_of_smoothest(found) if found.scattered else _regression(_weights(channels, estimator), found)
    # What is as small as the smallest noise level of the examples is no noise.
    smallest = found.smallest / 2 ** np.arange(LEVELS)
    return np.asarray(np.sqrt(np.maximum((found.reference * np.exp(relative)) ** 2 - (1.5 * smallest) ** 2, 0)))


def white_level(found: Statistics, sample: np.ndarray, mask: np.ndarray | None = None) -> float:
    """The noise level of a sample (C, H, W) for a network that knows white noise only, in image values.

    The networks were trained with :func:`pkn.nets.estimate_sigma`, which takes what is constant or missing for free of
    noise: where there is much of that, the profile's level is taken.
    """
    if mask is None and found.whole >= MOSTLY_WHOLE:
        return float(estimate_sigma(to_floats(sample)[None])[0])
    if len(sample) in COLOURS:
        return profile_of_statistics(found, len(sample)).level
    return profile_of_planes(sample, mask).level


def _white_if_alike(levels: np.ndarray) -> np.ndarray:
    """Noise levels (parts, LEVELS), as those of white noise if they fall nearly as those do.

    On the coarsest levels texture hides the noise: there white noise is estimated too large by up to a factor of 2. Of
    RGB images chroma decides, which has less texture; JPEG and demosaicking correlate it most.
    """
    if not (levels > 0).all():
        return levels
    white = levels[:, :1] * 0.5 ** np.arange(LEVELS)
    excess = np.abs(np.log(levels[-1] / white[-1]))
    share = min(_falling(excess[1], WHITE), _falling(excess[2], WHITE_COARSER))
    return np.asarray(levels ** (1 - share) * white**share)


def _flat_if_alike(shape: np.ndarray) -> np.ndarray:
    """Factors of the noise over intensity (parts, K): all 1 if they, of RGB images chroma's, are nearly equal."""
    spread = float(np.log(shape[-1].max() / shape[-1].min()))
    return np.asarray(shape ** (1 - _falling(spread, FLAT_RGB if len(shape) > 1 else FLAT_GREY)))


def _falling(value: float, limits: tuple[float, float]) -> float:
    """1 up to the lower limit, 0 from the upper one on."""
    return float(np.interp(value, limits, (1, 0)))


def measure_noise(frames: Any, *, channel_axis: int | None = None, flat: bool = False) -> NoiseProfile:
    """Measure noise from exposures of one scene, or from flat fields or dark frames.

    Parameters
    ----------
    frames : sequence of images of one shape
        Their differences are noise, and nothing but noise: exposures with the same light and no motion.
    channel_axis : int, optional
        Axis of the channels of an image; three are taken for R, G and B.
    flat : bool
        The images show nothing but a shading smoother than ``FLAT`` pixels, as flat fields and dark frames do. Then one
        is enough.

    Returns
    -------
    NoiseProfile

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> random = np.random.default_rng(0)
    >>> frames = [random.normal(0.5, 0.1, (100, 120)) for _ in range(4)]
    >>> round(pkn.measure_noise(frames).at(0.5), 3)
    0.1
    """
    stack = np.stack([to_planes(check_image(image, channel_axis), channel_axis)[0] for image in frames]).astype(float)
    if len(stack) < 2 and not flat:
        raise ValueError(f"frames has {len(stack)} image; expected two or more, or flat=True")
    mean = stack.mean(0, keepdims=True)
    if flat:
        from scipy.ndimage import (
            gaussian_filter,
        )  # not at the top: denoising needs none of it, and it takes long to import

        scene = gaussian_filter(stack, (0, 0, FLAT, FLAT), mode="reflect")
        noise = stack - scene
    else:
        scene, noise = np.broadcast_to(mean, stack.shape), (stack - mean) * np.sqrt(len(stack) / (len(stack) - 1))
    if stack.shape[1] == 3:
        scene, noise = to_opponent(scene), to_opponent(noise)
        parts = [noise[:, :1], noise[:, 1:]]
    else:
        parts = [noise]
    luma = scene[:, 0] if stack.shape[1] == 3 else scene.mean(1)
    powers = np.stack([np.square(part).mean(1).ravel() for part in parts])
    levels = np.array([level_deviations(np.moveaxis(part, 1, 0), LEVELS) for part in parts])
    order = np.argsort(luma.ravel())
    members = np.array_split(order, BINS)
    intensity = np.array([luma.ravel()[indices].mean() for indices in members])
    rms = np.sqrt(np.stack([powers[:, indices].mean(1) for indices in members], axis=1))
    intensity, rms = increasing(intensity, rms)
    ratios = np.array([with_coarser(part / max(part[0], 1e-30)) for part in levels])
    variances = of_channels(rms**2)
    slope, at_dark = np.polyfit(intensity, variances, 1) if intensity.size > 1 else (0.0, float(variances[0]))
    slope, read, black = _sensor(float(slope), float(intensity[0]), float(at_dark + slope * intensity[0]))
    width = _correlation(levels[0])
    error = float(np.sqrt(0.5 * BINS / powers.shape[1]))
    measured = np.stack([intensity, rms[0]], axis=1)
    return NoiseProfile(intensity, ratios.T[:, :, None] * rms, slope, read, black, width, error, measured)


@cache
def _weights(channels: int, estimator: str) -> dict[str, np.ndarray]:
    """Of the regression "noise", which denoisers are told and which leans to more noise, or "sensor", the median."""
    return read_tensors(weights_folder() / "estimators" / f"{estimator}-{COLOURS[channels]}.safetensors")


def _regression(weights: dict[str, np.ndarray], found: Statistics) -> np.ndarray:
    """Logarithms of noise levels over the reference, (parts, LEVELS): three linear layers with ReLU between."""
    values = found.features
    for layer in (0, 2, 4):
        values = weights[f"{layer}.weight"] @ (np.maximum(values, 0) if layer else values) + weights[f"{layer}.bias"]
    return np.asarray(values, np.float64).reshape(-1, LEVELS)


def _levels_of_smoothest(found: Statistics) -> np.ndarray:
    """As :func:`_regression`, of white noise in the smoothest blocks of the finest level, where no others are."""
    parts = len(found.shape.factor)
    quantiles = found.features[: parts * LEVELS * len(QUANTILES)].reshape(parts, LEVELS, -1)
    smoothest = quantiles[:, :1, QUANTILES.index(QUANTILE)] - 0.5 * np.log(QUANTILE_OF_MEAN)
    return np.asarray(smoothest - np.log(2) * np.arange(LEVELS))


def _sensor_line(found: Statistics, width: float, typical: float) -> tuple[float, float, float]:
    """Gain, read noise and black: a line through the noise of blocks of each intensity, whose mean is ``typical``.

    Noise correlated by a Gaussian filter of a ``width`` that leaves little of it in second differences is looked at at
    half the resolution.
    """
    blocks = found.halved if width > WIDE and found.halved.means.size > 3 * MIN_BLOCKS else found.blocks
    means = blocks.means
    if means.size == 0:
        return 0.0, 0.0, 0.0
    variances = of_channels(blocks.variances)
    members = intensity_bins(means)
    x = np.array([means[indices].mean() for indices in members])
    black, bright = float(means.min()), float(means.max())
    y = np.array([np.quantile(variances[indices], QUANTILE) for indices in members], float) / QUANTILE_OF_MEAN
    span = bright - black
    flat = span <= 1e-9 * max(abs(bright), abs(black))
    if flat or len(x) < 3 or y.max() < 1e-200:  # most blocks of binary images have no noise at all
        return 0.0, typical, black
    part = (x - black) / span
    weight, fitted = np.ones(len(x)), np.full(len(x), np.median(y))
    at_dark = at_bright = 0.0
    floor = 1e-12 * float(y.max())
    for _ in range(ROUNDS):
        scale = weight / np.maximum(fitted, floor)
        at_dark, at_bright = ends_of_line(np.stack([1 - part, part], 1) * scale[:, None], y * scale)
        fitted = at_dark + (at_bright - at_dark) * part
        excess = (y - fitted) / np.maximum(fitted, floor)
        spread = max(float(np.median(np.abs(excess))), 0.02)
        weight = 1 / np.sqrt(1 + np.square(excess / (2 * spread)))
    if fitted.mean() > 0:  # the regression knows how much of it is texture
        at_dark, at_bright = (value * typical**2 / fitted.mean() for value in (at_dark, at_bright))
    return _sensor(float(at_bright - at_dark) / span, black, float(at_dark))


def ends_of_line(terms: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The two factors (2,), none below 0, of ``terms`` (n, 2) that come nearest to ``values`` (n,).

    Least squares; where that gives a factor below 0, the best has one of 0. (SciPy's ``nnls`` finds the same, but to
    load it takes longer than to denoise a megapixel.)
    """
    found = np.linalg.lstsq(terms, values, rcond=None)[0]
    if found.min() >= 0:
        return np.asarray(found)
    alone = np.maximum(values @ terms, 0) / np.maximum(np.square(terms).sum(0), np.finfo(float).tiny)
    return np.asarray(max(np.diag(alone), key=lambda ends: -np.square(terms @ ends - values).sum()))


def _sensor(gain: float, darkest: float, variance: float) -> tuple[float, float, float]:
    """Gain, read noise and black, of a line that has a ``variance`` at the darkest intensity seen.

    A line doesn't say where black is. It is taken to be 0, as for images without an offset, if the noise is as large as
    that demands; above an offset of counts it is much smaller.
    """
    photons = gain * darkest
    if gain > 0 and 0 < photons * OFFSET <= variance:
        return gain, float(np.sqrt(max(variance - photons, 0))), 0.0
    return gain, float(np.sqrt(max(variance, 0))), darkest


def _correlation_of_blocks(found: Statistics) -> float:
    """Width of the correlation, from the smoothest blocks' second differences at full, half and quarter resolution.

    A wide correlation leaves so little of them at full resolution that there texture makes most.
    """
    if found.blocks.means.size < MIN_BLOCKS:
        return 0.0
    smoothest = [found.features[level * len(QUANTILES) + QUANTILES.index(QUANTILE)] for level in range(3)]
    ratios = 4 * np.exp(2 * np.diff(smoothest))
    if ratios[0] <= TEXTURE:
        return 0.0
    widths, gains = _mask_gains()
    fine, coarse = (
        float(np.interp(ratio, 4 * half / full, widths))
        for ratio, full, half in zip(ratios, gains[:2], gains[1:], strict=True)
    )
    return max(fine, coarse) if fine > WIDE else fine


def _correlation(levels: np.ndarray) -> float:
    """Width of the correlation, from the noise level at half the resolution, which is half for white noise."""
    if levels[0] <= 0:
        return 0.0
    widths = np.linspace(0, WIDEST, 121)[1:]
    ratios = np.array([half_resolution(width) for width in widths])
    width = float(np.interp((levels[1] / levels[0]) ** 2, ratios, widths, left=0.0))
    return width if width > NARROWEST else 0.0


def half_resolution(width: float) -> float:
    """Variance of the means of 2 x 2 pixels of noise of variance 1, correlated by a Gaussian filter of this width."""
    return float(((1 + autocorrelation(width, 2)[1]) / 2) ** 2)


@cache
def _mask_gains() -> tuple[np.ndarray, np.ndarray]:
    """Widths, and :func:`mask_gain` of each at full, half and quarter resolution (3, widths)."""
    widths = np.linspace(0, WIDEST, 121)[1:]
    return widths, np.array([[mask_gain(width, level) for width in widths] for level in range(3)])


def mask_gain(width: float, level: int) -> float:
    """Factor by which Immerkaer's mask, at 1 / 2^level of the resolution, multiplies the variance of such noise."""
    mask = np.repeat(DETAIL, 2**level) / 2**level
    correlations = autocorrelation(width, mask.size)[np.abs(np.arange(mask.size)[:, None] - np.arange(mask.size))]
    return float((mask @ correlations @ mask) ** 2)


def autocorrelation(width: float, number: int) -> np.ndarray:
    """Of white noise after a Gaussian filter of this width, at distances of 0, 1, ... pixels along an axis."""
    taps = np.exp(-np.square(np.arange(-TAPS, TAPS + 1)) / (2 * max(width, 1e-3) ** 2))
    full = np.correlate(taps, taps, "full")[2 * TAPS :]
    return np.asarray(full[:number] / full[0])
