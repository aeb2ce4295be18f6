"""The planes (C, H, W) of one image through a network and its filter: what images, stacks, Dask and files share."""

from typing import Any

import numpy as np

from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import all_finite, check_mask, rounded, to_floats
from pkn.nets import Predictor, estimate_sigma
from pkn.nets.map_net.tiling import Tile, filter_by_tiles
from pkn.pretrained import find_net
from pkn.restoration.arguments import check_sigma, check_strength, fill_gaps
from pkn.restoration.noise_estimation import SMALLEST, estimate_noise


def filtering_net(net: Any, channels: int) -> Predictor:
    """The network for images of so many channels, if it filters them.

    Raises
    ------
    ValueError
        If it enlarges images, or there is no such network.
    """
    network = find_net(net, channels)
    if isinstance(network.filter, AnisotropicUpsampling):
        raise ValueError(f"net is {net!r}, which enlarges images; expected one that filters them, or pkn.upsample")
    return network


def denoise_planes(
    planes: np.ndarray, out: np.ndarray, network: Predictor, strength: Any, sigma: Any, mask: Any = None
) -> None:
    """Denoise ``planes`` (C, H, W) of any dtype into ``out``; the other arguments are those of :func:`pkn.denoise`.

    Whole maps are only held where it takes them: for gaps, masks and settings that change from pixel to pixel.
    """
    plain = np.ndim(strength) == 0 and np.ndim(sigma) == 0 and mask is None and network.noise == "white"
    if plain and planes.dtype != np.float64 and all_finite(planes):
        given = check_sigma(sigma)
        level = noise_level(network, planes[None]) if given is None else given
        filter_planes(planes, out, network, float(check_strength(strength)), level)
        return
    floats = to_floats(planes)[None]
    values, _ = predict_values(floats, network, strength, sigma, mask)
    arrays = (array.astype(floats.dtype, copy=False) for array in values.values())
    maps = network.filter.Maps(*(array.reshape(1, -1, *array.shape[-2:]) for array in arrays))
    result, _ = network.filter.forward(floats, maps, check_mask(mask, *floats.shape[2:]), keep=False)
    out[...] = rounded(result[0], out.dtype)


def filter_planes(
    planes: np.ndarray,
    out: np.ndarray,
    network: Predictor,
    strength: float,
    noise_level: np.ndarray,
    keep: Tile | None = None,
) -> None:
    """Denoise ``planes`` (C, H, W) without gaps into ``out``, tile by tile, bit-identical to the whole at once.

    Parameters
    ----------
    planes, out : array of shape (C, H, W)
        Of any dtypes; integers stand for fractions of their full range.
    network : Predictor
    strength : float
    noise_level : array of shape (1,)
    keep : (rows, columns), optional
        The part of the result that ``out`` has; all of it by default.
    """
    rows, columns = keep or (slice(0, planes.shape[1]), slice(0, planes.shape[2]))

    def read(tile: Tile) -> np.ndarray:
        return to_floats(planes[:, *tile]).astype(np.float32, copy=False)

    def write(tile: Tile, values: np.ndarray) -> None:
        inside = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(tile, (rows, columns), strict=True)]
        if all(part.start < part.stop for part in inside):
            source = (slice(part.start - at.start, part.stop - at.start) for part, at in zip(inside, tile, strict=True))
            target = (
                slice(part.start - at.start, part.stop - at.start)
                for part, at in zip(inside, (rows, columns), strict=True)
            )
            out[:, *target] = rounded(values[:, *source], out.dtype)

    filter_by_tiles(network, read, (planes.shape[1], planes.shape[2]), noise_level, strength, write)


def predict_values(
    planes: np.ndarray, network: Predictor, strength: Any, sigma: Any, mask: Any
) -> tuple[dict[str, np.ndarray], float]:
    """The network's maps for planes (1, C, H, W), with the user's strength; and the mean noise level it was given."""
    planes = planes.astype(np.float32, copy=False)
    size = planes.shape[2:]
    power, given = check_strength(strength, size), check_sigma(sigma, size)
    valid = np.all(np.isfinite(planes), axis=1)
    if mask is not None:
        valid &= np.asarray(check_mask(mask, *size))
    inputs = planes if valid.all() else fill_gaps(planes, valid)
    level = noise_level(network, inputs) if given is None else given
    plane_shape = network.filter.plane_shape
    maps = network(inputs, level)._asdict()
    values = {name: array.reshape(plane_shape(name) + array.shape[-2:]) for name, array in maps.items()}
    if not (np.ndim(power) == 0 and power == 1):
        values = network.filter.strengthen(values, power)
    return values, float(level.mean())


def noise_level(network: Predictor, planes: np.ndarray) -> np.ndarray:
    """As the network was trained: one level (1,), or for a camera's noise a map (1, 1, H, W)."""
    if network.noise == "white" or min(planes.shape[2:]) < SMALLEST:
        return estimate_sigma(planes)
    return estimate_noise(planes[0], channel_axis=0).sigma_map[None, None]
