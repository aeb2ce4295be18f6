"""Denoising of a sensor's mosaic before it is demosaicked, where its noise is white and Poisson-Gaussian."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from pkn.filters.arrays import FULL_RANGE, check_dtype, check_image, native, rounded, target_dtype
from pkn.io.raw_files import RawFile, read_raw, write_developed
from pkn.restoration.arguments import check_profile, check_sigma, known_noise
from pkn.restoration.denoising import DEFAULT_NET, denoise, predict_maps
from pkn.restoration.noise_estimation import profile_of_planes
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps

OFFSETS = ((0, 0), (0, 1), (1, 0), (1, 1))
SMOOTHING = 3  # px of a plane, over which the intensity is averaged that the noise depends on
# Orthonormal: the mean, the difference along the diagonal of "RGGB", of its two halves, and of the greens.
MIXING = np.array([[1, 1, 1, 1], [np.sqrt(2), 0, 0, -np.sqrt(2)], [1, -1, -1, 1], [0, np.sqrt(2), -np.sqrt(2), 0]]) / 2


def denoise_raw(
    mosaic: Any,
    pattern: str = "RGGB",
    *,
    net: Any = DEFAULT_NET,
    strength: float = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | Mapping[str, NoiseProfile] | None = None,
    black: Any = 0.0,
    white: float | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """Denoise a Bayer mosaic, as a sensor gives it.

    The pixels of the four positions of the pattern make four planes of half the size. Their mean and three differences
    are denoised as grey images: so edges stay in one place for all colours, and the noise is white with a known
    standard deviation at each pixel. (Denoised by themselves, the planes show a pattern at strong noise. Red, the mean
    of the greens and blue, denoised together as an RGB image, lose detail where there is little noise.)

    Parameters
    ----------
    mosaic : array of shape (H, W)
        Counts, linear in the light.
    pattern : str
        Colours of the first 2 x 2 pixels, row by row: "RGGB", "BGGR", "GRBG", "GBRG", or any four letters.
    net : str, path or MapNet
        A network for grey images, as :func:`pkn.denoise` takes it.
    strength : float
        0 is the identity, 1 is what the network says, more smooths more.
    sigma : float, optional
        Standard deviation of white noise, as a fraction of ``black`` ... ``white``.
    noise : NoiseProfile or dict of str to NoiseProfile, optional
        Of all colours or by the pattern's letters, in fractions of ``black`` ... ``white``; estimated by default. See
        :meth:`pkn.NoiseProfile.of_sensor`.
    black : float or array of shape (2, 2)
        Counts without light, of all pixels or of each position of the pattern.
    white : float, optional
        Counts of a saturated pixel; by default the full range of integers, and 1 for floats.
    dtype : dtype or "same", optional
        Of the result, as for :func:`pkn.denoise`; "same" rounds and clips to the mosaic's own.

    Returns
    -------
    array of shape (H, W)
        In the mosaic's own values.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> counts = np.random.default_rng(0).poisson(200, (64, 96)).astype(np.uint16)
    >>> denoised = pkn.denoise_raw(counts, "RGGB", white=1023)
    >>> denoised.shape, bool(denoised.std() < 0.3 * counts.std())
    ((64, 96), True)
    """
    check_dtype(dtype)
    planes, levels = _planes_and_levels(mosaic, pattern, sigma, noise, black, white)
    pairs = zip(planes.mixed, levels, strict=True)
    return planes.mosaic([denoise(each, net, strength=strength, sigma=level) for each, level in pairs], dtype)


def predict_raw_maps(
    raw: RawFile, net: Any = DEFAULT_NET, *, strength: float = 1.0, **noise: Any
) -> list[ParameterMaps]:
    """The maps that :func:`denoise_raw` sets for the mean and the three differences of a raw file's planes.

    Parameters
    ----------
    raw : RawFile
    net, strength
        As in :func:`denoise_raw`.
    **noise
        ``sigma`` and ``noise`` of it.
    """
    given = {"sigma": noise.get("sigma"), "noise": noise.get("noise")}
    planes, levels = _planes_and_levels(raw.mosaic, raw.pattern, black=raw.black, white=raw.white, **given)
    pairs = zip(planes.mixed, levels, strict=True)
    maps = [predict_maps(each, net, strength=strength, sigma=level) for each, level in pairs]
    for each in maps:
        each.provenance["sigma_given"] = any(value is not None for value in given.values())
    return maps


def apply_raw_maps(raw: RawFile, maps: Sequence[ParameterMaps]) -> np.ndarray:
    """The mosaic (H, W), uint16, that :func:`denoise_raw` makes with such maps, bit for bit."""
    planes = MosaicPlanes.of(raw.mosaic, raw.black, raw.white)
    return planes.mosaic([each.apply(plane) for each, plane in zip(maps, planes.mixed, strict=True)], "same")


class DenoisedRaw(NamedTuple):
    """What was done to a raw file: the mosaic's (H, W), maps if they were asked for, the noise if it was known."""

    shape: tuple[int, int]
    maps: list[ParameterMaps]
    noise: Any


def denoise_raw_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    net: Any = DEFAULT_NET,
    *,
    keep_maps: bool = False,
    **settings: Any,
) -> DenoisedRaw:
    """Denoise the mosaic of a raw file, demosaic it and write it.

    Parameters
    ----------
    source : str or path
        A raw file of a camera; the noise model of a DNG's NoiseProfile is used unless ``settings`` have a noise.
    target : str or path
        See :func:`pkn.io.raw_files.write_developed`.
    net : str, path or MapNet
    keep_maps : bool
        Whether the maps are wanted, of the whole image at once.
    **settings
        ``strength``, ``sigma`` and ``noise`` of :func:`denoise_raw`.
    """
    raw = read_raw(source)
    if raw.noise and settings.get("noise") is None and settings.get("sigma") is None:
        settings["noise"] = {
            colour: NoiseProfile.of_sensor(gain, np.sqrt(variance)) for colour, (gain, variance) in raw.noise.items()
        }
    maps = predict_raw_maps(raw, net, **settings) if keep_maps else []
    if maps:
        result = apply_raw_maps(raw, maps)
    else:
        given: dict[str, Any] = {"black": raw.black, "white": raw.white, "dtype": "same"}
        result = denoise_raw(raw.mosaic, raw.pattern, net=net, **given, **settings)
    write_developed(target, source, result)
    height, width = result.shape
    return DenoisedRaw((height, width), maps, settings.get("noise"))


class MosaicPlanes(NamedTuple):
    """A mosaic as four planes of half the size, and what it takes to put it together again.

    Parameters
    ----------
    planes : array of shape (4, H, W)
        Fractions of black ... white.
    black, span : array of shape (2, 2)
        Counts without light, and from there to white.
    shape : (int, int)
        Of the mosaic.
    dtype : dtype
        Of the mosaic.
    """

    planes: np.ndarray
    black: np.ndarray
    span: np.ndarray
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, mosaic: Any, black: Any, white: float | None) -> "MosaicPlanes":
        """Checks its arguments, which are those of :func:`denoise_raw`."""
        mosaic = check_image(mosaic, None)
        if min(mosaic.shape) < 2:
            raise ValueError(f"mosaic has shape {mosaic.shape}; expected at least 2 x 2 pixels")
        darkest = _black_levels(black)
        brightest = float(FULL_RANGE.get(native(mosaic.dtype), 1)) if white is None else float(white)
        span = brightest - darkest
        if not (span > 0).all():
            raise ValueError(f"black is {black} and white {brightest:g}; expected white above black")
        even = np.pad(mosaic.astype(np.float64), [(0, side % 2) for side in mosaic.shape], mode="reflect")
        planes = np.stack([(even[y::2, x::2] - darkest[y, x]) / span[y, x] for y, x in OFFSETS])
        return cls(planes, darkest, span, mosaic.shape, mosaic.dtype)

    @property
    def mixed(self) -> np.ndarray:
        """Their mean and three differences."""
        return np.asarray(np.tensordot(MIXING, self.planes, 1), np.float32)

    def mosaic(self, mixed: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
        """The counts (H, W) of other means and differences."""
        result = np.empty((2 * self.planes.shape[1], 2 * self.planes.shape[2]))
        for plane, (y, x) in zip(np.tensordot(MIXING.T, np.stack(mixed).astype(np.float64), 1), OFFSETS, strict=True):
            result[y::2, x::2] = self.black[y, x] + self.span[y, x] * plane
        return _as_counts(result[: self.shape[0], : self.shape[1]], target_dtype(dtype, self.dtype))


def _planes_and_levels(
    mosaic: Any, pattern: str, sigma: Any, noise: Any, black: Any, white: Any
) -> tuple[MosaicPlanes, np.ndarray]:
    """The planes, and the deviation of the noise of their mean and differences at each pixel."""
    if not (isinstance(pattern, str) and len(pattern) == 4 and pattern.isalpha()):
        raise ValueError(f"pattern is {pattern!r}; expected four letters, the colours of 2 x 2 pixels, such as 'RGGB'")
    planes = MosaicPlanes.of(mosaic, black, white)
    variances = _variances(planes.planes.astype(np.float32), pattern, sigma, noise)
    return planes, np.sqrt(np.tensordot(MIXING**2, variances, 1)).astype(np.float32)


def _black_levels(black: Any) -> np.ndarray:
    levels = np.asarray(black, float)
    if levels.shape not in ((), (2, 2)) or not np.isfinite(levels).all():
        raise ValueError(f"black is {black}; expected a number, or one for each of 2 x 2 pixels")
    return np.broadcast_to(levels, (2, 2))


def _variances(planes: np.ndarray, pattern: str, sigma: Any, noise: Any) -> np.ndarray:
    """Variances of the noise of the planes (4, H, W), at each pixel."""
    if isinstance(noise, Mapping):
        if missing := set(pattern) - set(noise):
            raise ValueError(f"noise has {', '.join(noise)}; expected {', '.join(sorted(missing))} of the pattern too")
        known = [known_noise(sigma, noise[colour]) for colour in pattern]
        if not all(isinstance(each, NoiseProfile) for each in known):
            raise TypeError("noise has None for a colour; expected a pkn.NoiseProfile for each")
    else:
        common = known_noise(sigma, noise)
        known = [profile_of_planes(planes) if common is None else common] * len(planes)
    if not isinstance(known[0], NoiseProfile):
        level = check_sigma(known[0])
        assert level is not None
        return np.full(planes.shape, float(level[0]) ** 2)
    deviations = [
        check_profile(each, 1).sigma_map(uniform_filter(plane, SMOOTHING))
        for each, plane in zip(known, planes, strict=True)
    ]
    return np.square(deviations)


def _as_counts(counts: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Counts of a dtype; :func:`rounded` takes those of uint8 and uint16 as fractions of the full range."""
    return rounded(counts / FULL_RANGE.get(native(dtype), 1), dtype)
