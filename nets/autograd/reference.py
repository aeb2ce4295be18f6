"""Reference implementation of the filters in plain torch: for devices without kernels, and for tests of gradients.

Written to be read: a loop over taps, differentiated by autograd. A new filter adds its energy here. Composite filters
(reblur, pyramid) are assembled here for all devices but the CPU, from a function that computes single filters.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters import (
    AnisotropicBilateralDeepMaps,
    AnisotropicBilateralMaps,
    AnisotropicGaussianDeepMaps,
    AnisotropicGaussianMaps,
    AnisotropicUpsampling,
    BilateralMaps,
    Filter,
    IsotropicGaussianMaps,
    IsotropicReblur,
    JointBilateral,
    JointBilateralDeepMaps,
    JointBilateralMaps,
    LumaChromaPyramid,
    NonLocalMeans,
    NonLocalMeansMaps,
    Pyramid,
    Reblur,
    ReblurUpsampling,
    SoftmaxMaps,
    TanhMaps,
)
from pkn.filters.engine.borders import OUTSIDE, border_index
from pkn.filters.engine.window import NONE
from pkn.filters.gaussian_parameters import SMALLEST
from pkn.filters.luma_chroma_pyramid import TO_OPPONENT, TO_RGB
from pkn.filters.reblur import polynomial


def pad(image: Tensor, radius: int, mode: str) -> Tensor:
    """Pad as :func:`pkn.filters.engine.borders.pad` does; differentiable."""
    for axis in (-2, -1):
        index = _border(image.shape[axis], radius, mode, image.device)
        image = image.index_select(axis, index.clamp_min(0))
        if mode == "constant":
            image = image * (index != OUTSIDE).to(image.dtype).reshape((-1, 1) if axis == -2 else (-1,))
    return image


@lru_cache(maxsize=64)
def _border(size: int, radius: int, mode: str, device: torch.device) -> Tensor:
    with torch.inference_mode(False):  # the cached tensor must be usable in training too
        return torch.from_numpy(border_index(size, radius, mode)).to(device)


def inverse_square(sigma: Tensor) -> Tensor:
    """Return 1 / sigma^2, finite."""
    return torch.reciprocal(torch.clamp_min(sigma * sigma, SMALLEST))


def _quadratic(maps: Any, dr: Any, dc: Any) -> Tensor:
    form: Tensor = (maps.kx * dc) ** 2 + (maps.ky * dr) ** 2 + 2 * dr * dc * maps.rho * maps.kx * maps.ky
    return form


Single = Callable[[Filter, Tensor, Any, Any], Tensor]


def _deep_quadratic(maps: Any, dz: Any, dr: Any, dc: Any) -> Tensor:
    form: Tensor = _quadratic(maps, dr, dc) + (maps.kz * dz) ** 2
    return form


# Natural logarithm of the weight by type of maps, as a function of (maps, tap, dz, dr, dc, d2): maps (N, planes, H, W),
# d2 (N, 1, H, W).
ENERGIES: dict[type, Callable[[Any, int, Any, Any, Any, Tensor], Tensor]] = {
    BilateralMaps: lambda maps, tap, dz, dr, dc, d2: (
        -(dz * dz + dr * dr + dc * dc) / 2 * inverse_square(maps.sigma_space)
        - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    IsotropicGaussianMaps: lambda maps, tap, dz, dr, dc, d2: (
        -(dz * dz + dr * dr + dc * dc) / 2 * inverse_square(maps.sigma)
    ),
    AnisotropicGaussianMaps: lambda maps, tap, dz, dr, dc, d2: -_quadratic(maps, dr, dc) / 2,
    AnisotropicGaussianDeepMaps: lambda maps, tap, dz, dr, dc, d2: -_deep_quadratic(maps, dz, dr, dc) / 2,
    AnisotropicBilateralMaps: lambda maps, tap, dz, dr, dc, d2: (
        -_quadratic(maps, dr, dc) / 2 - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    AnisotropicBilateralDeepMaps: lambda maps, tap, dz, dr, dc, d2: (
        -_deep_quadratic(maps, dz, dr, dc) / 2 - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    SoftmaxMaps: lambda maps, tap, dz, dr, dc, d2: (
        maps.logits[:, tap : tap + 1] - maps.logits.amax(1, keepdim=True).detach()
    ),
    TanhMaps: lambda maps, tap, dz, dr, dc, d2: torch.tanh(maps.logits[:, tap : tap + 1]),
}
ENERGIES[JointBilateralMaps] = ENERGIES[AnisotropicBilateralMaps]
ENERGIES[JointBilateralDeepMaps] = ENERGIES[AnisotropicBilateralDeepMaps]


def neighbours(flt: Filter, count: int, slots: np.ndarray | None) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """The places of windows, each with the outputs that have an image there, and which one."""
    table = flt.window.slots(count) if slots is None else slots
    return [(place, np.flatnonzero(column != NONE), column[column != NONE]) for place, column in enumerate(table.T)]


def single(flt: Filter, image: Tensor, maps: Any, slots: np.ndarray | None = None) -> Tensor:
    """Apply ``flt``, which must not be a composite filter, to image (N, C, H, W) with maps (N, planes, H, W)."""
    if isinstance(flt, NonLocalMeans):
        return _non_local_means(flt, image, maps, slots)
    if isinstance(flt, AnisotropicUpsampling):
        return _upsampling(flt, image, maps)
    energy, signed = ENERGIES[type(maps)], isinstance(maps, TanhMaps)
    height, width = image.shape[-2:]
    window, side = pad(image, flt.radius, flt.border), 2 * flt.radius + 1
    joint = isinstance(flt, JointBilateral)
    guide = maps.guide if joint else image
    guides = pad(guide, flt.radius, flt.border)
    places = neighbours(flt, len(image), slots)
    _, outputs, centres = places[flt.radius_z]
    (sz, sy, sx), centre, at = flt.spacing, image[centres], guide[centres]
    total, mass = torch.zeros_like(centre), torch.zeros_like(centre[:, :1])
    for place, outputs, images in places:
        own = type(maps)(*(m if joint and name == "guide" else m[outputs] for name, m in maps._asdict().items()))
        here = centre[outputs]
        for k in range(side * side):
            r, c = divmod(k, side)
            cut = np.s_[..., r : r + height, c : c + width]
            there = window[images][cut]
            d2 = (guides[images][cut] - at[outputs]).square().sum(1, keepdim=True)
            offset = (place - flt.radius_z) * sz, (r - flt.radius) * sy, (c - flt.radius) * sx
            e = energy(own, place * side * side + k, *offset, d2)
            w = e if signed else e.exp()
            index = torch.from_numpy(outputs).to(image.device)
            total = total.index_add(0, index, w * (there if signed else there - here))
            mass = mass.index_add(0, index, w)
    return total if signed else centre + total / mass


def apply(flt: Filter, image: Tensor, maps: Any, single: Single = single, slots: np.ndarray | None = None) -> Tensor:
    """Apply ``flt`` to image (N, C, H, W) with maps (N, planes, H, W); ``single`` computes single filters."""
    if isinstance(flt, Reblur | IsotropicReblur):
        return _reblur(flt, image, maps, single)
    if isinstance(flt, ReblurUpsampling):
        sharp = _reblur(flt.reblur, image, flt.reblur.Maps(*maps[3:]), single)
        enlarge = AnisotropicUpsampling(flt.radius, flt.border, flt.scale)
        return single(enlarge, sharp, AnisotropicGaussianMaps(*maps[:3]), None)
    if isinstance(flt, Pyramid):
        return _pyramid(flt, image, maps, single, slots)
    if isinstance(flt, LumaChromaPyramid):
        planes, outs = mixed(TO_OPPONENT, image), []
        for part in flt.parts:
            own = part.pyramid.Maps(*(getattr(maps, part.full(name)) for name in part.pyramid.ranges))
            outs.append(_pyramid(part.pyramid, planes[:, part.channels].contiguous(), own, single, slots))
        return mixed(TO_RGB, torch.cat(outs, 1))
    return single(flt, image, maps, slots)


def mixed(matrix: np.ndarray, planes: Tensor) -> Tensor:
    """Mix the channels of planes (N, 3, H, W) by a 3 x 3 matrix."""
    return torch.einsum("pc,nchw->nphw", torch.from_numpy(matrix).to(planes), planes)


def _pyramid(flt: Pyramid, image: Tensor, maps: Any, single: Single, slots: np.ndarray | None) -> Tensor:
    images = [image]
    for _ in range(flt.levels - 1):
        extra = (0, images[-1].shape[-1] % 2, 0, images[-1].shape[-2] % 2)
        images.append(F.avg_pool2d(F.pad(images[-1], extra, mode="replicate"), 2))
    out = None
    for level in reversed(range(flt.levels)):
        out = pyramid_level(flt, level, images[level], maps._asdict(), out, single, slots)
    assert out is not None
    return out


def pyramid_level(
    flt: Pyramid,
    level: int,
    image: Tensor,
    maps: Mapping[str, Tensor],
    coarser: Tensor | None,
    single: Single = single,
    slots: np.ndarray | None = None,
) -> Tensor:
    """Filter a level's image and blend it with the result of the coarser one (None on the coarsest)."""
    fine = image if slots is None else image[slots[:, flt.radius_z]]
    if level >= flt.first:
        joint = flt.single
        own = joint.Maps(*(maps[f"{name}_{level}"] for name in joint.Maps._fields))  # type: ignore[attr-defined]
        fine = single(joint, image, own, slots)
    if coarser is None:
        return fine
    coarse = F.interpolate(coarser, scale_factor=2, mode="bilinear")[..., : fine.shape[-2], : fine.shape[-1]]
    return torch.lerp(coarse, fine, maps[f"blend_{level}"])


def _upsampling(flt: AnisotropicUpsampling, image: Tensor, maps: Any) -> Tensor:
    """Upsample without the core's guard against underflow: not all weights of a window may vanish."""
    rows, columns = flt.axes(*image.shape[2:])
    size = rows.near.size, columns.near.size
    maps = type(maps)(*(resampled(values, size) for values in maps))
    window = pad(image, flt.radius, flt.border)
    near_y, near_x = (torch.from_numpy(axis.near).to(image.device) for axis in (rows, columns))
    part_y, part_x = (torch.from_numpy(axis.part).to(image) for axis in (rows, columns))
    total, mass = torch.zeros_like(image[:, :, :1, :1]), torch.zeros_like(image[:, :1, :1, :1])
    for r in range(2 * flt.radius + 1):
        for k in range(2 * flt.radius + 1):
            dr, dc = (r - flt.radius - part_y).reshape(-1, 1), k - flt.radius - part_x
            share = [(flt.radius + 0.5 - d.abs()).clamp(0, 1) for d in (dr, dc)]
            w = torch.exp(-_quadratic(maps, dr, dc) / 2) * share[0] * share[1]
            total = total + w * window[..., near_y + r, :][..., near_x + k]
            mass = mass + w
    return total / mass


def resampled(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Resample (N, planes, H, W) bilinearly with half-pixel centres."""
    return F.interpolate(values, size, mode="bilinear", align_corners=False)


def _reblur(flt: Reblur | IsotropicReblur, image: Tensor, maps: Any, single: Single) -> Tensor:
    first, *others = polynomial(*maps[-3:])
    out: Tensor = first * image
    power = image
    for a in others:
        power = single(flt.blur, power, flt.blur_maps(maps), None)
        out = out + a * power
    return out


def _non_local_means(flt: NonLocalMeans, image: Tensor, maps: Any, slots: np.ndarray | None) -> Tensor:
    height, width = image.shape[-2:]
    patch, search, side = flt.patch_radius, flt.radius, 2 * flt.patch_radius + 1
    window = pad(image, flt.halo, flt.border)
    places = neighbours(flt, len(image), slots)
    centres = places[flt.radius_z][2]
    middle = window[centres][..., search : search + height + 2 * patch, search : search + width + 2 * patch]
    total, mass = torch.zeros_like(image[centres]), torch.zeros_like(image[centres, :1])
    for _, outputs, images in places:
        own = NonLocalMeansMaps(*(values[outputs] for values in maps))
        index = torch.from_numpy(outputs).to(image.device)
        for r in range(2 * search + 1):
            for c in range(2 * search + 1):
                shifted = window[images][..., r : r + height + 2 * patch, c : c + width + 2 * patch]
                squares = (shifted - middle[outputs]).square().sum(1, keepdim=True)
                distance = (F.avg_pool2d(squares, side, 1) - 2 * own.sigma**2).clamp_min(0)
                w = torch.exp(-distance * inverse_square(own.h))
                there = shifted[..., patch : patch + height, patch : patch + width]
                total = total.index_add(0, index, w * (there - image[centres][outputs]))
                mass = mass.index_add(0, index, w)
    return image[centres] + total / mass
