"""Frames of a video: averaged with their neighbours along motion, then denoised as images of less noise.

Motion is found, and frames are compared, in a guide: the frame at half its size, smoothed a little, in which noise is
five times less. What is averaged is the frames themselves, and only where the guides are alike, so that what moves
otherwise, is hidden or changes leaves no ghost. By how much an average's noise is less is known at each pixel, and told
to the network that sets the filter for the rest.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from pkn.filters.arrays import to_floats
from pkn.filters.engine.pyramid_levels import halve
from pkn.filters.luma_chroma_pyramid import to_opponent
from pkn.motion.averaging import Sums, add_frame
from pkn.motion.matching import find_motion
from pkn.nets import NoiseCurve, Predictor
from pkn.nets.map_net.noise_level import ScaledCurve
from pkn.nets.map_net.tiling import Told
from pkn.restoration.planes import black_of, counted, filtered, values_of

SMOOTHING = 0.7  # px of the guide
GUIDE_NOISE = 0.2  # of white noise after halving and smoothing
ALIKE = 0.6  # times the frame's noise level; how far guides differ where a weight is 0.6
QUIETEST = 1e-4  # of the contrast: frames with less noise are taken to have as much


class Scale(NamedTuple):
    """In which frames are compared: the first one's contrast, counted from its black if float32 needs that."""

    black: float
    unit: float


class Frame(NamedTuple):
    """A frame, and what is compared and told of it.

    Parameters
    ----------
    planes : float32 array of shape (C, H, W)
    guide : float32 array of shape (C, H / 2, W / 2)
        In the scale's unit; of RGB frames luma and chroma, chroma times the ratio of their noise levels.
    sigma : float32 array of shape (H / 2, W / 2)
        Noise levels of the frame in the scale's unit, for each pixel of the guide.
    told : Told
        Of the frame by itself.
    """

    planes: np.ndarray
    guide: np.ndarray
    sigma: np.ndarray
    told: Told


def scale_of(planes: np.ndarray, told: Told) -> Scale:
    """The scale of a video whose first frame (C, H, W) this is."""
    return Scale(black_of(planes.dtype, told), told.span.contrast or 1.0)


def frame_of(planes: np.ndarray, told: Told, scale: Scale) -> Frame:
    """Prepare a frame (C, H, W) of any dtype; its values are then counted from the scale's black."""
    floats, told = counted(to_floats(planes), told, scale.black)
    guide = halve(to_opponent(floats[None])[0] if len(floats) == 3 else floats)
    levels, unit = _levels(told.noise, len(floats)), np.float32(scale.unit)
    sigma = np.interp(guide[0], *levels[0]).astype(np.float32) / unit
    guide[1:] *= np.float32(levels[0][1].mean() / max(levels[-1][1].mean(), QUIETEST * scale.unit))
    smooth = np.stack([gaussian_filter(plane, SMOOTHING, mode="nearest") for plane in guide]) / unit
    return Frame(floats, smooth, np.maximum(sigma, np.float32(QUIETEST)), told)


def _levels(noise: Any, channels: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Intensities and noise levels there, of luma and of chroma."""
    if isinstance(noise, NoiseCurve):
        return [(noise.intensity, each) for each in noise.sigma[0]]
    return [(np.zeros(1), np.atleast_1d(noise) / np.sqrt(channels))]


def average(frames: Sequence[Frame], at: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The frame ``at`` averaged with the others along motion: (C, H, W), and the factor of its noise, (H, W)."""
    sums = Sums.of(frames[at].planes)
    for number, other in enumerate(frames):
        if number != at:
            add_other(sums, frames[at], other, motion_between(frames[at], other), strength)
    return sums.mean()


def motion_between(here: Frame, other: Frame) -> np.ndarray:
    """Where the blocks of a frame's guide are found in another's; see :func:`pkn.motion.matching.find_motion`."""
    noise = GUIDE_NOISE * float(np.sqrt(np.mean(np.square(here.sigma))))
    return find_motion(here.guide[0], other.guide[0], noise)


def add_other(sums: Sums, here: Frame, other: Frame, motion: np.ndarray, strength: float) -> None:
    """Add another frame to the sums of a frame."""
    alike = np.maximum(np.float32(ALIKE * strength) * here.sigma, np.float32(1e-15))
    add_frame(sums, here.guide, other.planes, other.guide, motion, alike)


def denoise_frame(frames: Sequence[Frame], at: int, network: Predictor, strength: Any) -> np.ndarray:
    """The frame ``at``, float32 (C, H, W), from it and its neighbours; ``strength`` a number, or one for each part."""
    planes, factor = average(frames, at, of_luma(strength))
    values = values_of(planes[None], network, strength, told_of_average(frames[at].told, factor))
    return filtered(planes[None], network, values)


def of_luma(strength: Any) -> float:
    """The strength with which frames are averaged."""
    return float(strength[0] if isinstance(strength, tuple) else strength)


def told_of_average(told: Told, factor: np.ndarray) -> Told:
    """What a network is told of an average whose noise is less by a factor (H, W)."""
    curve = isinstance(told.noise, NoiseCurve)
    return told._replace(noise=ScaledCurve(told.noise, factor) if curve else told.noise * factor[None, None])
