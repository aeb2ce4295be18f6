"""Maps that a person reads: how far, in which direction, over how many pixels, from which levels a filter averages."""

from math import prod
from typing import Any, NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.ndimage import zoom

from pkn.filters import Filter, NonLocalMeans
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid
from pkn.filters.pyramid import Pyramid
from pkn.restoration.arguments import check_maps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.volume_maps import VolumeMaps
from pkn.restoration.weight_operators import Operator, frozen_weights, moments

PROBES = 30
NEXT_ROW, NEXT_PLANE = 25, 8  # steps of a pixel's row among them, such that equal ones lie far apart
PERIOD = 510  # px, a multiple of PROBES; a pixel's probes depend on its place alone: maps of parts have no seams
ROUND = 0.1  # anisotropy below which there is no direction
SAMPLES = 24  # pixels along each side where kernels of non-local means are looked at


class ReadableMap(NamedTuple):
    """A derived map, with what is needed to draw it: its range is fixed, and means something.

    Parameters
    ----------
    values : array of shape (H, W)
    unit : str
    low, high : float
        The range to draw.
    meaning : str
    scale : {"linear", "logarithmic", "cyclic"}
    """

    values: np.ndarray
    unit: str
    low: float
    high: float
    meaning: str
    scale: str = "linear"


def readable_maps(
    maps: ParameterMaps, image: Any = None, mask: Any = None, at: tuple[int, int] = (0, 0)
) -> dict[str, ReadableMap]:
    """What a filter does at each pixel, in plain units, from its exact weights.

    Parameters
    ----------
    maps : ParameterMaps
    image, mask
        What the maps are for. Bilateral filters and non-local means have weights that depend on the image: without it
        there is nothing to derive.
    at : (int, int)
        Of a part of an image, its first row and column there: the probes of ``pixels`` are then those of the whole.

    Returns
    -------
    dict of str to ReadableMap
        ``radius``: root of half the mean squared distance of the averaged pixels, in px; of an isotropic Gaussian it is
        sigma. ``direction``: of the farthest averaging, in degrees from the horizontal, anticlockwise; NaN where none
        stands out. ``pixels``: effective number of pixels averaged, 1 / sum of squared weights, estimated by 30 probes
        (standard error a quarter where hundreds are averaged, a seventh where few): noise falls by its root.
        ``coarser``: share of the result that comes from coarser levels of a pyramid. Of
        :class:`pkn.filters.LumaChromaPyramid` the names begin with ``luma_`` and
        ``chroma_``. Filters with weights below 0 have ``noise`` alone, by how much white noise grows: the root of the
        sum of squared weights. For non-local means kernels of 24 x 24 pixels are looked at, and interpolated. Of
        filters that enlarge, maps are of the result's size, in pixels of the image.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import AnisotropicGaussian
    >>> from pkn.restoration.plain_units import readable_maps
    >>> kx, ky, rho = np.full((64, 64), 1 / 3), np.ones((64, 64)), np.zeros((64, 64))  # 3 px wide, 1 px high
    >>> maps = pkn.ParameterMaps(AnisotropicGaussian(12), {"kx": kx, "ky": ky, "rho": rho})
    >>> found = readable_maps(maps)
    >>> {name: round(float(found[name].values[32, 32]), 2) for name in ("radius", "direction")}
    {'radius': 2.24, 'direction': 0.0}
    """
    flt = check_maps(maps).filter
    if isinstance(flt, NonLocalMeans):
        return {} if image is None else _of_kernels(maps, image)
    found: dict[str, ReadableMap] = {}
    for part, operator in frozen_weights(maps, image, mask).items():
        prefix = f"{part}_" if part else ""
        if not flt.convex:
            growth = np.sqrt(sums_of_squares(operator, maps.shape, at))
            found["noise"] = ReadableMap(growth, "", 0.1, 10.0, "by how much noise grows", "logarithmic")
            continue
        found |= {prefix + name: each for name, each in _of_operator(operator, maps.shape, _largest(flt), at).items()}
        if (blend := f"{prefix}blend_0") in maps:
            share = ReadableMap(1 - maps[blend], "", 0.0, 1.0, "share of the result from coarser levels")
            found[f"{prefix}coarser"] = share
    return found


def readable_plane(maps: VolumeMaps, plane: int) -> dict[str, ReadableMap]:
    """What a filter of a volume does at each pixel of a plane; see :func:`readable_maps`.

    Parameters
    ----------
    maps : VolumeMaps
    plane : int

    Returns
    -------
    dict of str to ReadableMap
        As for images, radius and direction over rows and columns of all planes, ``pixels`` the effective number of
        voxels; and ``planes``: the effective number of planes averaged, 1 / sum of their squared shares, which are
        exact. Empty for filters whose weights depend on the image.

    Raises
    ------
    ValueError
        If the volume has no such plane.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.filters import IsotropicGaussian
    >>> from pkn.restoration.plain_units import readable_plane
    >>> from pkn.restoration.volume_maps import VolumeMaps
    >>> maps = VolumeMaps(IsotropicGaussian(6, radius_z=1), {"sigma": np.full((5, 20, 30), 2.0, np.float32)})
    >>> round(float(readable_plane(maps, 2)["planes"].values[10, 15]), 2)  # of three
    2.99
    """
    near, at = maps.around(plane)
    operators = frozen_weights(near)
    if not operators:
        return {}
    (operator,) = operators.values()
    found = {
        name: each._replace(values=each.values[at])
        for name, each in _of_operator(operator, near.shape, _largest(maps.filter)).items()
    }
    count = maps.filter.window.planes
    pixels = found["pixels"]
    found["pixels"] = pixels._replace(high=count * pixels.high, meaning="how many voxels are averaged")
    single = np.eye(near.shape[0], dtype=np.float32)[..., None, None] + np.zeros(near.shape, np.float32)
    planes = 1 / np.square(operator(single)[:, at]).sum(0)
    found["planes"] = ReadableMap(planes, "", 1.0, count, "how many planes are averaged")
    if "blend_0" in maps:
        share = 1 - maps["blend_0"][plane]
        found["coarser"] = ReadableMap(share, "", 0.0, 1.0, "share of the result from coarser levels")
    return found


def _largest(flt: Filter) -> float:
    """The radius that is drawn white: a third of the filter's own, and more for each level of a pyramid."""
    levels = flt.levels if isinstance(flt, Pyramid | LumaChromaPyramid) else 1
    return float(flt.radius / 3 * 2 ** (levels - 1))


def _of_operator(
    operator: Operator, size: tuple[int, ...], largest: float, at: tuple[int, int] = (0, 0)
) -> dict[str, ReadableMap]:
    yy, xx, xy = moments(operator, size)
    return _quantities(yy, xx, xy, sums_of_squares(operator, size, at), largest)


def sums_of_squares(operator: Operator, size: tuple[int, ...], at: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Of each pixel's weights, by probes.

    The filtered probes' squares sum up to the weights' squares and products of two pixels' weights with random signs,
    which have no mean. A pixel's values in all probes are a row of an orthogonal matrix: products of pixels with other
    rows cancel exactly, and pixels with the same row are 5 px apart, as far as so many rows allow.
    """
    squares = np.float32(0)
    rows, columns = ((first + np.arange(side)) % PERIOD for first, side in zip(at, size[-2:], strict=True))
    place = (NEXT_ROW * rows[:, None] + columns + NEXT_PLANE * np.arange(prod(size[:-2]))[:, None, None]) % PROBES
    signs = np.random.default_rng(0).integers(0, 2, (*size[:-2], PERIOD, PERIOD), np.int8)
    signs = 2 * signs[..., rows, :][..., columns] - 1
    for part in np.split(dct(np.eye(PROBES, dtype=np.float32), norm="ortho", axis=0), PROBES // 3):
        squares = squares + np.square(operator(part[:, place].reshape(3, *size) * signs)).sum(0)
    return np.asarray(squares)


def _quantities(
    yy: np.ndarray, xx: np.ndarray, xy: np.ndarray, squares: np.ndarray, largest: float
) -> dict[str, ReadableMap]:
    trace = yy + xx
    spread = np.hypot(xx - yy, 2 * xy)
    angle = np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy)) % 180  # rows point down
    angle[angle >= 180] = 0  # by rounding
    angle[spread <= ROUND * np.maximum(trace, 1e-12)] = np.nan
    pixels = 1 / np.clip(squares, 1e-12, 1)
    return {
        "radius": ReadableMap(np.sqrt(trace / 2), "px", 0.0, largest, "how far pixels are averaged"),
        "direction": ReadableMap(angle, "degrees", 0.0, 180.0, "along which direction", "cyclic"),
        "pixels": ReadableMap(pixels, "", 1.0, 4 * np.pi * largest**2, "how many are averaged", "logarithmic"),
    }


def _of_kernels(maps: ParameterMaps, image: Any) -> dict[str, ReadableMap]:
    """From the kernels of a grid of pixels."""
    grids = [np.unique(np.linspace(0, size - 1, SAMPLES).round().astype(int)) for size in maps.shape]
    kernels = np.array([[maps.kernel_at(image, (row, column)) for column in grids[1]] for row in grids[0]], float)
    weights, distance = np.nan_to_num(kernels), np.arange(kernels.shape[-1]) - maps.filter.reach
    products = distance[:, None] ** 2, distance**2, distance[:, None] * distance
    sampled = [(weights * product).sum((2, 3)) for product in products] + [np.square(weights).sum((2, 3))]
    scale = [size / len(grid) for size, grid in zip(maps.shape, grids, strict=True)]
    yy, xx, xy, squares = (zoom(part, scale, order=1, grid_mode=True, mode="nearest") for part in sampled)
    return _quantities(yy, xx, xy, squares, _largest(maps.filter))
