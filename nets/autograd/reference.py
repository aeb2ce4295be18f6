"""Reference implementation of the filters in plain torch: for devices without kernels, and for tests of gradients.

Written to be read: a loop over taps, differentiated by autograd. A new filter adds its energy here. Composite filters
(reblur, pyramid) are assembled here for all devices but the CPU, from a function that computes single filters.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters import (
    AnisotropicBilateralMaps,
    AnisotropicGaussianMaps,
    AnisotropicUpsampling,
    BilateralMaps,
    Filter,
    IsotropicGaussianMaps,
    IsotropicReblur,
    JointBilateralMaps,
    LumaChromaPyramid,
    NonLocalMeans,
    Pyramid,
    Reblur,
    ReblurUpsampling,
    SoftmaxMaps,
    TanhMaps,
)
from pkn.filters.engine.borders import OUTSIDE, border_index
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


Single = Callable[[Filter, Tensor, Any], Tensor]

# Natural logarithm of the weight by type of maps, as a function of (maps, tap, dr, dc, d2): maps (N, planes, H, W),
# d2 (N, 1, H, W).
ENERGIES: dict[type, Callable[[Any, int, int, int, Tensor], Tensor]] = {
    BilateralMaps: lambda maps, tap, dr, dc, d2: (
        -(dr * dr + dc * dc) / 2 * inverse_square(maps.sigma_space) - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    IsotropicGaussianMaps: lambda maps, tap, dr, dc, d2: -(dr * dr + dc * dc) / 2 * inverse_square(maps.sigma),
    AnisotropicGaussianMaps: lambda maps, tap, dr, dc, d2: -_quadratic(maps, dr, dc) / 2,
    AnisotropicBilateralMaps: lambda maps, tap, dr, dc, d2: (
        -_quadratic(maps, dr, dc) / 2 - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    JointBilateralMaps: lambda maps, tap, dr, dc, d2: (
        -_quadratic(maps, dr, dc) / 2 - d2 / 2 * inverse_square(maps.sigma_range)
    ),
    SoftmaxMaps: lambda maps, tap, dr, dc, d2: (
        maps.logits[:, tap : tap + 1] - maps.logits.amax(1, keepdim=True).detach()
    ),
    TanhMaps: lambda maps, tap, dr, dc, d2: torch.tanh(maps.logits[:, tap : tap + 1]),
}


def single(flt: Filter, image: Tensor, maps: Any) -> Tensor:
    """Apply ``flt``, which must not be a composite filter, to image (N, C, H, W) with maps (N, planes, H, W)."""
    if isinstance(flt, NonLocalMeans):
        return _non_local_means(flt, image, maps)
    if isinstance(flt, AnisotropicUpsampling):
        return _upsampling(flt, image, maps)
    energy, signed = ENERGIES[type(maps)], isinstance(maps, TanhMaps)
    height, width = image.shape[-2:]
    window, side = pad(image, flt.radius, flt.border), 2 * flt.radius + 1
    guide = maps.guide if isinstance(maps, JointBilateralMaps) else image
    guides = pad(guide, flt.radius, flt.border)
    total, mass = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for tap in range(side * side):
        r, c = divmod(tap, side)
        there = window[..., r : r + height, c : c + width]
        d2 = (guides[..., r : r + height, c : c + width] - guide).square().sum(1, keepdim=True)
        e = energy(maps, tap, r - flt.radius, c - flt.radius, d2)
        w = e if signed else e.exp()
        total = total + w * (there if signed else there - image)
        mass = mass + w
    return total if signed else image + total / mass


def apply(flt: Filter, image: Tensor, maps: Any, single: Single = single) -> Tensor:
    """Apply ``flt`` to image (N, C, H, W) with maps (N, planes, H, W); ``single`` computes single filters."""
    if isinstance(flt, Reblur | IsotropicReblur):
        return _reblur(flt, image, maps, single)
    if isinstance(flt, ReblurUpsampling):
        sharp = _reblur(flt.reblur, image, flt.reblur.Maps(*maps[3:]), single)
        enlarge = AnisotropicUpsampling(flt.radius, flt.border, flt.scale)
        return single(enlarge, sharp, AnisotropicGaussianMaps(*maps[:3]))
    if isinstance(flt, Pyramid):
        return _pyramid(flt, image, maps, single)
    if isinstance(flt, LumaChromaPyramid):
        planes, outs = mixed(TO_OPPONENT, image), []
        for part in flt.parts:
            own = part.pyramid.Maps(*(getattr(maps, part.full(name)) for name in part.pyramid.ranges))
            outs.append(_pyramid(part.pyramid, planes[:, part.channels].contiguous(), own, single))
        return mixed(TO_RGB, torch.cat(outs, 1))
    return single(flt, image, maps)


def mixed(matrix: np.ndarray, planes: Tensor) -> Tensor:
    """Mix the channels of planes (N, 3, H, W) by a 3 x 3 matrix."""
    return torch.einsum("pc,nchw->nphw", torch.from_numpy(matrix).to(planes), planes)


def _pyramid(flt: Pyramid, image: Tensor, maps: Any, single: Single) -> Tensor:
    images = [image]
    for _ in range(flt.levels - 1):
        extra = (0, images[-1].shape[-1] % 2, 0, images[-1].shape[-2] % 2)
        images.append(F.avg_pool2d(F.pad(images[-1], extra, mode="replicate"), 2))
    out = None
    for level in reversed(range(flt.levels)):
        fine = images[level]
        if level >= flt.first:
            own = JointBilateralMaps(*(getattr(maps, f"{name}_{level}") for name in JointBilateralMaps._fields))
            fine = single(flt.single, images[level], own)
        if out is not None:
            coarse = F.interpolate(out, scale_factor=2, mode="bilinear")[..., : fine.shape[-2], : fine.shape[-1]]
            fine = torch.lerp(coarse, fine, getattr(maps, f"blend_{level}"))
        out = fine
    assert out is not None
    return out


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
        power = single(flt.blur, power, flt.blur_maps(maps))
        out = out + a * power
    return out


def _non_local_means(flt: NonLocalMeans, image: Tensor, maps: Any) -> Tensor:
    height, width = image.shape[-2:]
    patch, search, side = flt.patch_radius, flt.radius, 2 * flt.patch_radius + 1
    window = pad(image, flt.halo, flt.border)
    centre = window[..., search : search + height + 2 * patch, search : search + width + 2 * patch]
    total, mass = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for r in range(2 * search + 1):
        for c in range(2 * search + 1):
            shifted = window[..., r : r + height + 2 * patch, c : c + width + 2 * patch]
            squares = (shifted - centre).square().sum(1, keepdim=True)
            distance = (F.avg_pool2d(squares, side, 1) - 2 * maps.sigma**2).clamp_min(0)
            w = torch.exp(-distance * inverse_square(maps.h))
            there = shifted[..., patch : patch + height, patch : patch + width]
            total = total + w * (there - image)
            mass = mass + w
    return image + total / mass
