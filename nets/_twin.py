"""The filters once more, in plain torch: for tensors that are not on the CPU, and the gradients' oracle in tests.

Readable first: one tap after another, autograd does the rest. A new filter adds its energy here.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters import (
    AnisotropicBilateralMaps,
    AnisotropicGaussianMaps,
    BilateralMaps,
    Filter,
    IsotropicGaussianMaps,
    NonLocalMeans,
    SoftmaxMaps,
    TanhMaps,
)
from pkn.filters._border import OUTSIDE, border_index
from pkn.filters._gaussian import SMALLEST


def pad(image: Tensor, radius: int, mode: str) -> Tensor:
    """The borders of :func:`pkn.filters._border.pad`, differentiable."""
    for axis in (-2, -1):
        index = torch.from_numpy(border_index(image.shape[axis], radius, mode)).to(image.device)
        image = image.index_select(axis, index.clamp_min(0))
        image = image * (index != OUTSIDE).to(image.dtype).reshape((-1, 1) if axis == -2 else (-1,))
    return image


def _inverse_square(sigma: Tensor) -> Tensor:
    return torch.reciprocal(torch.clamp_min(sigma * sigma, SMALLEST))


def _quadratic(maps: Any, dr: int, dc: int) -> Tensor:
    form: Tensor = (maps.kx * dc) ** 2 + (maps.ky * dr) ** 2 + 2 * dr * dc * maps.rho * maps.kx * maps.ky
    return form


# Natural-log energies by maps type, of (maps, tap, dr, dc, d2): maps (N, planes, H, W), d2 (N, 1, H, W).
ENERGIES: dict[type, Callable[[Any, int, int, int, Tensor], Tensor]] = {
    BilateralMaps: lambda maps, tap, dr, dc, d2: (
        -(dr * dr + dc * dc) / 2 * _inverse_square(maps.sigma_space) - d2 / 2 * _inverse_square(maps.sigma_range)
    ),
    IsotropicGaussianMaps: lambda maps, tap, dr, dc, d2: -(dr * dr + dc * dc) / 2 * _inverse_square(maps.sigma),
    AnisotropicGaussianMaps: lambda maps, tap, dr, dc, d2: -_quadratic(maps, dr, dc) / 2,
    AnisotropicBilateralMaps: lambda maps, tap, dr, dc, d2: (
        -_quadratic(maps, dr, dc) / 2 - d2 / 2 * _inverse_square(maps.sigma_range)
    ),
    SoftmaxMaps: lambda maps, tap, dr, dc, d2: (
        maps.logits[:, tap : tap + 1] - maps.logits.amax(1, keepdim=True).detach()
    ),
    TanhMaps: lambda maps, tap, dr, dc, d2: torch.tanh(maps.logits[:, tap : tap + 1]),
}


def apply(flt: Filter, image: Tensor, maps: Any) -> Tensor:
    """``flt`` on image (N, C, H, W) with maps (N, planes, H, W)."""
    if isinstance(flt, NonLocalMeans):
        return _non_local_means(flt, image, maps)
    energy, signed = ENERGIES[type(maps)], isinstance(maps, TanhMaps)
    height, width = image.shape[-2:]
    window, side = pad(image, flt.radius, flt.border), 2 * flt.radius + 1
    total, mass = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for tap in range(side * side):
        r, c = divmod(tap, side)
        there = window[..., r : r + height, c : c + width]
        d2 = (there - image).square().sum(1, keepdim=True)
        e = energy(maps, tap, r - flt.radius, c - flt.radius, d2)
        w = e if signed else e.exp()
        total = total + w * (there if signed else there - image)
        mass = mass + w
    return total if signed else image + total / mass


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
            w = torch.exp(-distance * _inverse_square(maps.h))
            there = shifted[..., patch : patch + height, patch : patch + width]
            total = total + w * (there - image)
            mass = mass + w
    return image + total / mass
