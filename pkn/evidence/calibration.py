"""Choosing the strength for a user's own noisy images, without any clean one.

Where frames of one scene are given, a frame that was denoised is held against another one, whose noise is its own: the
mean squared difference is the error and a constant (Noise2Noise; Lehtinen et al. 2018, arXiv 1803.04189). For a single
image it is Stein's estimate. Strengths are chosen on one half of the image (blocks like a chessboard's), the gain is
measured on the other half, and without a certain gain the default stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pkn.evidence.chain import DenoisingChain
from pkn.evidence.risk import block_means, stein_errors
from pkn.filters.arrays import to_floats
from pkn.restoration.arguments import known_noise
from pkn.restoration.denoising import DEFAULT_NET, denoise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.stacks import order_of

STRENGTHS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
MOST_PAIRS = 6  # of frames
BLOCK = 32  # px
CERTAIN = 2.0  # standard errors that a gain must have
Errors = Callable[[Any], tuple[np.ndarray, float]]  # of a strength: a map of estimates, and the doubt about their mean


@dataclass(frozen=True)
class Calibration:
    """The strength that suits an image, and what it gains.

    Parameters
    ----------
    strength : float or (float, float)
        As ``strength=`` takes it; 1 where nothing else is certainly better.
    gain : float
        Estimated fall of the mean squared error from strength 1 on the half of the image that wasn't chosen by, in
        squared image values; 0 where strength 1 stays.
    standard_error : float
        Of ``gain``, or of that of the best other strength where strength 1 stays.
    method : {"frames", "sure"}
    """

    strength: float | tuple[float, float]
    gain: float
    standard_error: float
    method: str


def calibrate(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    stack_axis: int | None = None,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    strengths: Sequence[float] = STRENGTHS,
    rng: Any = None,
) -> Calibration:
    """Choose the strength of :func:`pkn.denoise` for an image, or for frames of one scene, without a clean image.

    Parameters
    ----------
    image : array
        Without gaps.
    net, sigma, noise, channel_axis
        As in :func:`pkn.denoise`. For a single image the noise has to be told: between strengths the error of an
        estimate decides (of a camera's JPEG it chose one that lost 0.5 dB), so without it strength 1 stays.
    stack_axis : int, optional
        Axis of frames that show the same scene, two or more, with independent noise.
    strengths : sequence of float
        To choose from.
    rng : None, int or numpy.random.Generator
        For Stein's estimate.

    Returns
    -------
    Calibration
        ``pkn.denoise(image, net, strength=calibration.strength)`` is what it says.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> frames = np.random.default_rng(0).normal(np.linspace(0, 1, 96), 0.1, (2, 96, 96))
    >>> found = pkn.calibrate(frames, "bilateral", stack_axis=0)
    >>> found.method, found.strength > 1
    ('frames', True)
    """
    others = [strength for strength in strengths if strength != 1]
    if not others:
        raise ValueError(f"strengths is {strengths}; expected some other than 1, which is what they are compared with")
    settings = {"sigma": sigma, "noise": noise}
    if stack_axis is None:
        if known_noise(sigma, noise) is None:
            return Calibration(1.0, 0.0, float("inf"), "sure")
        seed = int(np.random.default_rng(rng).integers(2**31))  # the same probes for all strengths

        def by_stein(strength: Any) -> tuple[np.ndarray, float]:
            return stein_errors(DenoisingChain.of(image, net, channel_axis, strength=strength, **settings), seed)

        return _chosen(by_stein, others, channel_axis is not None, "sure")
    frames = np.asarray(image)
    frames = frames.transpose(order_of(frames.ndim, channel_axis, stack_axis))
    if len(frames) < 2:
        raise ValueError(f"image has {len(frames)} frames along axis {stack_axis}; expected 2 or more")
    settings["channel_axis"] = None if channel_axis is None else 0
    return _chosen(_by_frames(to_floats(frames), net, settings), others, channel_axis is not None, "frames")


def _by_frames(frames: np.ndarray, net: Any, settings: dict[str, Any]) -> Errors:
    """Squared differences of denoised frames, (H, W) or (C, H, W), from the frames after them."""
    first = np.unique(np.linspace(0, len(frames) - 2, MOST_PAIRS).astype(int))

    def errors(strength: Any) -> tuple[np.ndarray, float]:
        differences = (denoise(frames[n], net, strength=strength, **settings) - frames[n + 1] for n in first)
        squares = np.mean([np.square(each) for each in differences], axis=0)
        return squares if squares.ndim == 2 else squares.mean(0), 0.0

    return errors


def _chosen(errors: Errors, others: Sequence[float], colour: bool, method: str) -> Calibration:
    """The strength with the least error on half of the blocks, if the other half agrees; luma first, then chroma."""
    default, doubt = errors(1.0)
    half = np.indices(default.shape) // BLOCK
    choosing = half.sum(0) % 2 == 0

    def compared(strength: Any) -> tuple[float, float, float]:
        """Gain over strength 1 on the choosing half and on the other, and the latter's standard error."""
        other, other_doubt = errors(strength)
        gains = default - other
        blocks = block_means(np.where(choosing, np.nan, gains), BLOCK)
        spread = blocks.std(ddof=1) / np.sqrt(blocks.size) if blocks.size > 1 else np.inf
        return float(gains[choosing].mean()), float(gains[~choosing].mean()), float(spread + abs(other_doubt - doubt))

    def best(options: Sequence[Any]) -> tuple[Any, float, float]:
        tried = [(option, *compared(option)) for option in options]
        option, _, gain, spread = max(tried, key=lambda each: each[1])
        return option, gain, spread

    found, gain, spread = best(others)
    if colour:
        luma = found if gain > CERTAIN * spread else 1.0
        found, gain, spread = best([(luma, chroma) for chroma in (1.0, *others) if (luma, chroma) != (1, 1)])
    certain = gain > CERTAIN * spread
    return Calibration(found if certain else 1.0, gain if certain else 0.0, spread, method)
