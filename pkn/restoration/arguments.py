"""Checks of arguments that the functions for restoration share, and filling of missing pixels."""

import warnings
from typing import Any

import numpy as np

from pkn.filters import IsotropicGaussian
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps

FILL_RADIUS = 8  # pixels


def fill_gaps(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill invalid pixels, as input for a network, with a blur of their surroundings, or the mean if those are invalid.

    Parameters
    ----------
    planes : array of shape (1, C, H, W)
    valid : bool array of shape (1, H, W)

    Returns
    -------
    array of shape (1, C, H, W), float32
    """
    image = np.moveaxis(planes[0], 0, -1)
    blurred = IsotropicGaussian(radius=FILL_RADIUS)(image, sigma=FILL_RADIUS / 2, channel_axis=-1, mask=valid[0])
    mean = image[valid[0]].mean(0)
    filled = np.where(valid[0][..., None], image, np.where(np.isnan(blurred), mean, blurred))
    return np.ascontiguousarray(np.moveaxis(filled, -1, 0)[None], np.float32)


def is_map(strength: Any) -> bool:
    """Whether a strength changes from pixel to pixel; a pair of numbers, for luma and chroma, doesn't."""
    return bool(np.ndim(strength) != 0 and not _is_pair(strength))


def _is_pair(strength: Any) -> bool:
    return isinstance(strength, tuple | list) and len(strength) == 2 and all(np.ndim(each) == 0 for each in strength)


def check_strength(strength: Any, size: tuple[int, ...] = ()) -> Any:
    """The strength as a number, a map of ``size`` (H, W), float32, or a tuple of two; raises if it isn't a strength."""
    if _is_pair(strength):
        return tuple(check_strength(each) for each in strength)
    strengths = np.asarray(strength)
    if strengths.dtype.kind not in "fiu":
        raise TypeError(f"strength has dtype {strengths.dtype}; expected a number or an array of numbers")
    if strengths.shape not in ((), size):
        raise ValueError(f"strength has shape {strengths.shape}; expected a number or the image's {size}")
    if not (strengths.min() >= 0 and np.isfinite(strengths).all()):
        came = f"{strengths}" if strengths.ndim == 0 else f"an array from {strengths.min()} to {strengths.max()}"
        raise ValueError(f"strength is {came}; expected numbers of at least 0")
    return strengths.astype(np.float32) if strengths.ndim else float(np.float32(strengths))


def known_noise(sigma: Any, profile: Any) -> Any:
    """What the user says of the noise: a noise level or a map of it, a profile, or None."""
    if profile is None:
        return sigma
    if sigma is not None:
        raise ValueError("sigma and noise are both given; expected one of them")
    if not isinstance(profile, NoiseProfile):
        raise TypeError(f"noise is {type(profile).__name__}; expected a pkn.NoiseProfile (for a number give sigma)")
    return profile


def check_profile(profile: NoiseProfile, channels: int) -> NoiseProfile:
    """The profile, if it is one of images with so many channels."""
    if profile.rgb != (channels == 3):
        came, expected = ("RGB", "grey") if profile.rgb else ("grey", "RGB")
        raise ValueError(f"noise is a profile of {came} images; expected one of {expected} images")
    return profile


def check_maps(maps: Any) -> ParameterMaps:
    """The maps, if they know their filter; a mapping doesn't."""
    if not isinstance(maps, ParameterMaps):
        raise TypeError(f"maps is a {type(maps).__name__}; expected pkn.ParameterMaps (filter, mapping)")
    return maps


def warn_of_level(level: float, contrast: float) -> None:
    """Warn if a noise level can't be meant: it is larger than all that the image spans."""
    if level > contrast:
        warnings.warn(
            f"sigma is {level:g}, but the image's values span {contrast:.3g}; expected a noise level in image values"
            " (fractions of the full range for integers)",
            stacklevel=2,
        )


def check_sigma(sigma: Any, size: tuple[int, ...] = ()) -> np.ndarray | None:
    """The noise level as float32 of shape (1,) or (1, 1, H, W), or None; raises if it isn't a noise level."""
    if sigma is None:
        return None
    noise_level = np.asarray(sigma)
    if noise_level.dtype.kind not in "fiu" or noise_level.shape not in ((), size):
        came = f"{noise_level.dtype} of shape {noise_level.shape}" if noise_level.ndim else repr(sigma)
        raise ValueError(
            f"sigma is {came}; expected None, a noise level, or one for each pixel {size}, in image values"
        )
    if not (noise_level.min() >= 0 and np.isfinite(noise_level).all()):
        came = f"{noise_level.min():g} to {noise_level.max():g}" if noise_level.ndim else f"{noise_level:g}"
        raise ValueError(f"sigma is {came}; expected noise levels of at least 0 in image values")
    return noise_level.astype(np.float32).reshape((1, 1, *size) if noise_level.ndim else (1,))
