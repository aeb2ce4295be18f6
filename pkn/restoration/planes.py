"""The planes (C, H, W) of one image through a network and its filter: what images, stacks, Dask and files share."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from pkn.filters import AnisotropicUpsampling, Reblur
from pkn.filters.arrays import WIDE, all_finite, check_mask, native, rounded, to_floats
from pkn.filters.engine.threads import run_strips
from pkn.nets import Architecture, NoiseCurve, Predictor
from pkn.nets.map_net.predictor import Span
from pkn.nets.map_net.tiling import Tile, Told, filter_by_tiles
from pkn.pretrained import find_net
from pkn.restoration.arguments import check_profile, check_sigma, check_strength, fill_gaps, is_map, warn_of_level
from pkn.restoration.noise_estimation import profile_of_statistics, white_level
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.noise_statistics import sample_of, statistics_of

ROWS = 256  # converted together


def filtering_net(net: Any, channels: int) -> Predictor:
    """The network for images of so many channels, if it filters them; with a warning if it does more than denoise.

    Raises
    ------
    ValueError
        If it enlarges images, or there is no such network.
    """
    network = find_net(net, channels)
    if isinstance(network.filter, AnisotropicUpsampling):
        raise ValueError(f"net is {net!r}, which enlarges images; expected one that filters them, or pkn.upsample")
    if isinstance(network.filter, Reblur):
        warnings.warn(f"net is {net!r}, which sharpens images; expected one that denoises them", stacklevel=3)
    return network


def denoise_planes(
    planes: np.ndarray, out: np.ndarray, network: Predictor, strength: Any, noise: Any, mask: Any = None
) -> None:
    """Denoise ``planes`` (C, H, W) of any dtype into ``out``; the other arguments are those of :func:`pkn.denoise`.

    Whole maps are only held where it takes them: for gaps, masks and settings that change from pixel to pixel.
    """
    plain = not is_map(strength) and np.ndim(noise) == 0 and mask is None
    if plain and native(planes.dtype) not in WIDE and all_finite(planes):
        filter_planes(planes, out, network, check_strength(strength), tell(planes, network, noise))
        return
    floats = to_floats(planes)[None]
    values, _ = predict_values(floats, network, strength, noise, mask)
    out[...] = rounded(filtered(floats, network, values, check_mask(mask, *floats.shape[2:])), out.dtype)


def filter_planes(
    planes: np.ndarray,
    out: np.ndarray,
    network: Predictor,
    strength: Any,
    told: Told,
    keep: Tile | None = None,
) -> None:
    """Denoise ``planes`` (C, H, W) without gaps into ``out``, tile by tile, bit-identical to the whole at once.

    Parameters
    ----------
    planes, out : array of shape (C, H, W)
        Of any dtypes; integers stand for fractions of their full range.
    network : Predictor
    strength : float or (float, float)
    told : Told
        What the network is told of the image's noise, and what the image spans.
    keep : (rows, columns), optional
        The part of the result that ``out`` has; all of it by default.
    """
    rows, columns = keep or (slice(0, planes.shape[1]), slice(0, planes.shape[2]))

    def read(tile: Tile) -> np.ndarray:
        part = planes[:, *tile]
        return part if part.dtype == np.float32 else _convert(part, np.empty(part.shape, np.float32), to_floats)

    def write(tile: Tile, values: np.ndarray) -> None:
        inside = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(tile, (rows, columns), strict=True)]
        if all(part.start < part.stop for part in inside):
            source = (slice(part.start - at.start, part.stop - at.start) for part, at in zip(inside, tile, strict=True))
            target = (
                slice(part.start - at.start, part.stop - at.start)
                for part, at in zip(inside, (rows, columns), strict=True)
            )
            _convert(values[:, *source], out[:, *target], partial(rounded, target=out.dtype))

    filter_by_tiles(network, read, (planes.shape[1], planes.shape[2]), told, strength, write)


def _convert(source: np.ndarray, target: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Fill ``target`` (C, H, W) with ``function`` of rows of ``source``, on all threads."""

    def task(n: int, start: int, stop: int) -> None:
        target[n, start:stop] = function(source[n, start:stop])

    run_strips(task, len(source), source.shape[1], ROWS)
    return target


def predict_values(
    planes: np.ndarray, network: Predictor, strength: Any, noise: Any, mask: Any
) -> tuple[dict[str, np.ndarray], float]:
    """The network's maps for planes (1, C, H, W), with the user's strength; and the mean noise level it was given."""
    size = planes.shape[2:]
    power = check_strength(strength, size)
    valid = np.all(np.isfinite(planes), axis=1)
    if mask is not None:
        valid &= np.asarray(check_mask(mask, *size))
    told = told_of(network, sample_of(planes[0]), noise, None if valid.all() else sample_of(valid)[0], size)
    planes, told = counted(planes, told, black_of(planes.dtype, told))
    return values_of(planes if valid.all() else fill_gaps(planes, valid), network, power, told), told.level


def values_of(
    planes: np.ndarray, network: Predictor, strength: Any, told: Told, first: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The network's maps by name for float32 planes (1, C, H, W) without gaps, with a checked strength.

    ``first`` is a first pass's result, of which guides are made then.
    """
    maps = network(planes, [told.noise], told.span, first)._asdict()
    plane_shape = network.filter.plane_shape
    values = {name: array.reshape(plane_shape(name) + array.shape[-2:]) for name, array in maps.items()}
    return network.filter.strengthen(values, strength) if is_map(strength) or strength != 1 else values


def filtered(
    planes: np.ndarray, network: Predictor, values: dict[str, np.ndarray], valid: np.ndarray | None = None
) -> np.ndarray:
    """Planes (1, C, H, W) filtered with maps by name, as :func:`values_of` has them; ``valid`` (1, H, W)."""
    arrays = (array.astype(planes.dtype, copy=False) for array in values.values())
    maps = network.filter.Maps(*(array.reshape(1, -1, *array.shape[-2:]) for array in arrays))
    result, _ = network.filter.forward(planes, maps, valid, keep=False)
    return np.asarray(result[0])


def tell(planes: np.ndarray, network: Predictor, noise: Any) -> Told:
    """What a network is told of an image (C, H, W) without gaps; ``noise`` is no map."""
    return told_of(network, sample_of(planes), noise)


def told_of(
    network: Predictor | Architecture,
    sample: np.ndarray,
    noise: Any,
    mask: np.ndarray | None = None,
    size: tuple[int, ...] = (),
) -> Told:
    """What a network is told of an image.

    Parameters
    ----------
    network : Predictor or Architecture
    sample : array of shape (C, H, W)
        Of the image; see :func:`pkn.restoration.noise_statistics.sample_of`.
    noise : None, number, array of shape ``size`` or NoiseProfile
        As :func:`pkn.denoise` takes it; estimated from the sample if None.
    mask : bool array of shape (H, W), optional
        Of the sample's pixels.
    size : tuple
        Of the image (H, W), if ``noise`` may be a map.
    """
    found = statistics_of(sample, mask)
    span = Span(found.black, found.contrast)
    if isinstance(noise, NoiseProfile):
        profile = check_profile(noise, len(sample))
    elif noise is not None:
        given = check_sigma(noise, size)
        assert given is not None
        warn_of_level(float(given.max()), found.contrast)
        return Told(given[0], span, float(given.mean()))
    elif network.noise == "white":
        level = white_level(found, sample, mask)
        return Told(np.array([level], np.float32), span, level)
    else:
        profile = profile_of_statistics(found, len(sample))
    if network.noise == "white":
        return Told(np.array([profile.level], np.float32), span, profile.level)
    return Told(profile.curve, span, profile.level)


def black_of(dtype: np.dtype[Any], told: Told) -> float:
    """From where an image's values are counted: its black if they may have an offset beyond what float32 resolves."""
    return told.span.black if native(dtype) in WIDE else 0.0


def counted(planes: np.ndarray, told: Told, black: float) -> tuple[np.ndarray, Told]:
    """Floats counted from ``black``, float32, and what a network is told of them."""
    if black:
        planes, told = planes - black, counted_from(told, black)
    return planes.astype(np.float32, copy=False), told


def with_black(planes: np.ndarray, black: float) -> np.ndarray:
    """Planes that were counted from ``black`` in image values, float64 if that isn't 0."""
    return planes + np.float64(black) if black else planes


def counted_from(told: Told, black: float) -> Told:
    """What a network is told of the image less ``black``."""
    noise = told.noise
    if isinstance(noise, NoiseCurve):
        noise = noise._replace(intensity=noise.intensity - black)
    return told._replace(noise=noise, span=told.span._replace(black=told.span.black - black))
