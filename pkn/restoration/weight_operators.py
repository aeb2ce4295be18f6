"""A filter's weights at one image, held fixed: a linear operator that can be applied to any made-up image.

Most filters of the package are linear in the image for given maps. The weights of bilateral filters depend on the image
itself; they are those of a joint bilateral filter whose guide is that image. What such an operator makes of an
indicator or of coordinates says, for all pixels at once and exactly, what a pixel's weights are like.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pkn.filters import AnisotropicBilateral, Bilateral, Filter, JointBilateral, NonLocalMeans
from pkn.filters.arrays import check_image, check_mask, check_stack, stack_to_planes, to_planes
from pkn.filters.luma_chroma_pyramid import LumaChromaPyramid, to_opponent
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.volume_maps import VolumeMaps

Operator = Callable[[np.ndarray], np.ndarray]  # images (N, H, W) or volumes (N, D, H, W), floats, to as many
FAINT = 2.0**-50  # a power of two: scaling by it is exact


def frozen_weights(maps: ParameterMaps | VolumeMaps, image: Any = None, mask: Any = None) -> dict[str, Operator]:
    """The weights of each part of a filter as an operator.

    Parameters
    ----------
    maps : ParameterMaps or VolumeMaps
    image : array, optional
        What they are for. Bilateral filters need it; others take gaps from it, if there are any.
    mask : bool array of shape (H, W) or (D, H, W), optional
        Pixels that are False carry no weight.

    Returns
    -------
    dict of str to callable
        ``operator(images)`` averages images (N, H, W), or volumes (N, D, H, W), as the filter does. The key is "" for
        most filters, and "luma" and "chroma" for :class:`pkn.filters.LumaChromaPyramid`, which averages those planes.
        Empty where there is no such operator: for non-local means and bilateral filters without an image, and for
        bilateral filters of volumes.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.filters import IsotropicGaussian
    >>> from pkn.restoration.weight_operators import frozen_weights
    >>> maps = pkn.ParameterMaps(IsotropicGaussian(6), {"sigma": np.full((20, 30), 1.5)})
    >>> left = np.zeros((1, 20, 30))
    >>> left[..., :15] = 1
    >>> frozen_weights(maps)[""](left)[0, 10, [5, 14, 25]].round(2).tolist()  # share of weight from the left half
    [1.0, 0.63, 0.0]
    """
    deep = isinstance(maps, VolumeMaps)
    planes = None if image is None else _planes(maps, image)
    *count, height, width = maps.shape
    valid = np.ones((*(count or [1]), height, width), bool)
    if mask is not None:
        valid = np.asarray(check_mask(mask, height, width, *count))
    if planes is not None:
        valid = valid & np.isfinite(planes).all(1)
    flt, values = maps.filter, {name: np.asarray(value, float) for name, value in maps.items()}
    if isinstance(flt, NonLocalMeans | Bilateral | AnisotropicBilateral) and (planes is None or deep):
        return {}
    if isinstance(flt, NonLocalMeans):
        return {"": _beside(flt, values, planes, valid)}
    if isinstance(flt, Bilateral | AnisotropicBilateral):
        assert planes is not None
        guide = np.where(valid, planes[0].astype(float), 0)
        values = _joint_maps(values) | {"guide": guide}
        flt = JointBilateral(flt.radius, flt.border, len(guide))
    if isinstance(flt, LumaChromaPyramid):
        return {
            part.name: _operator(part.pyramid, {name: values[part.full(name)] for name in part.pyramid.ranges}, valid)
            for part in flt.parts
        }
    return {"": _operator(flt, values, valid)}


def _planes(maps: ParameterMaps | VolumeMaps, image: Any) -> np.ndarray:
    if isinstance(maps, VolumeMaps):
        return stack_to_planes(check_stack(image, None, 0), None, 0)
    return to_planes(check_image(image, maps.channel_axis), maps.channel_axis)


def parts_of(maps: ParameterMaps | VolumeMaps, image: Any) -> dict[str, np.ndarray]:
    """What each part of a filter averages, (C, H, W) of an image, (1, D, H, W) of a volume.

    By the names of :func:`frozen_weights`.
    """
    planes = _planes(maps, image)
    if isinstance(maps, VolumeMaps):
        return {"": planes.swapaxes(0, 1)}
    if isinstance(maps.filter, LumaChromaPyramid):
        return {part.name: to_opponent(planes)[0, part.channels] for part in maps.filter.parts}
    return {"": planes[0]}


def _joint_maps(values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps of a bilateral filter as those of a joint one."""
    if "sigma_space" not in values:
        return values
    with np.errstate(divide="ignore"):
        inverse = np.minimum(1 / values["sigma_space"], JointBilateral.ranges["kx"].valid[1])
    return {"kx": inverse, "ky": inverse, "rho": np.zeros_like(inverse), "sigma_range": values["sigma_range"]}


def _operator(flt: Filter, values: dict[str, np.ndarray], valid: np.ndarray) -> Operator:
    gaps = None if valid.all() else np.ascontiguousarray(valid)

    def apply(images: np.ndarray) -> np.ndarray:
        stack = images.reshape(len(images), -1, *images.shape[-2:]).swapaxes(0, 1)
        maps = flt.check_maps((), values, stack)
        # By threes: kernels for one to three channels are three times as fast as those for any number.
        threes = [np.ascontiguousarray(stack[:, start : start + 3]) for start in range(0, len(images), 3)]
        found = np.concatenate([flt.forward(three, maps, gaps, keep=False)[0] for three in threes], axis=1)
        return found.swapaxes(0, 1).reshape(len(images), *images.shape[1:-2], *found.shape[-2:])

    return apply


def _beside(flt: Filter, values: dict[str, np.ndarray], planes: Any, valid: np.ndarray) -> Operator:
    """Of a filter that compares patches: images go along as more channels, too faint to change a distance."""
    gaps = np.ascontiguousarray(valid)

    def apply(images: np.ndarray) -> np.ndarray:
        maps, found = flt.check_maps((), values, planes), []
        for start in range(0, len(images), 2):  # beside a grey image, as many channels as colour has
            both = np.concatenate([planes[0], FAINT * images[start : start + 2]], dtype=planes.dtype)
            both = np.pad(both, [(0, len(planes[0]) + 2 - len(both)), (0, 0), (0, 0)])
            found.append(flt.forward(both[None], maps, gaps, keep=False)[0][0, -2:] / FAINT)
        return np.concatenate(found)[: len(images)]

    return apply


def moments(operator: Operator, size: Sequence[int]) -> np.ndarray:
    """Second moments of each output pixel's weights about the pixel, (3, H, W): of rows, columns, and mixed, in px^2.

    Of a volume (3, D, H, W), over all its planes.

    Where a filter reads beyond the border, it reads other pixels of the image, which count where they are. Of filters
    that enlarge an image of ``size`` they are in its pixels, about the places of the output's.
    """
    sides = size[-2:]
    rows, columns = np.indices(sides, float) - np.reshape([(side - 1) / 2 for side in sides], (2, 1, 1))
    rows, columns = (np.broadcast_to(each, size) for each in (rows, columns))
    r, c, rr, cc, rc = operator(np.stack([rows, columns, rows * rows, columns * columns, rows * columns]))
    places = ((np.arange(out) + 0.5) * side / out - side / 2 for out, side in zip(r.shape[-2:], sides, strict=True))
    rows, columns = np.meshgrid(*places, indexing="ij")
    across = rr - 2 * rows * r + rows**2, cc - 2 * columns * c + columns**2
    return np.stack([*(np.maximum(each, 0) for each in across), rc - rows * c - columns * r + rows * columns])
