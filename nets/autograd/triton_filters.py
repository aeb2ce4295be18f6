"""Single filters on a GPU: torch turns maps into factors and pads images, and fused Triton kernels do the rest.

Kernels need neither clamp maps nor treat borders, and autograd provides the adjoints of both.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from pkn.filters import (
    AnisotropicBilateralMaps,
    AnisotropicGaussianMaps,
    AnisotropicUpsampling,
    BilateralMaps,
    Filter,
    IsotropicGaussianMaps,
    JointBilateralMaps,
    NonLocalMeans,
    SoftmaxMaps,
    TanhMaps,
)
from pkn.filters.gaussian_parameters import LARGEST
from pkn.nets.autograd import reference, triton_patches, triton_resampling, triton_window, triton_window_vjp

if not hasattr(tl, "tuple"):
    raise ImportError(f"triton is {triton.__version__}; expected 3.3 or newer, which has tuples in kernels")

ROWS, COLUMNS = 8, 32  # the tile of pixels that a program computes
OPTIONS = {
    "num_warps": 8,
    "enable_fp_fusion": True,
}  # one thread for each pixel: a warp reads 32 pixels of a row at once

# Shape of the energy by type of maps, and whether it has a range term; see triton_window.
ENERGIES: dict[type, tuple[str, bool]] = {
    BilateralMaps: ("isotropic", True),
    IsotropicGaussianMaps: ("isotropic", False),
    AnisotropicGaussianMaps: ("anisotropic", False),
    AnisotropicBilateralMaps: ("anisotropic", True),
    JointBilateralMaps: ("anisotropic", True),
    SoftmaxMaps: ("softmax", False),
    TanhMaps: ("tanh", False),
}


class WindowSetting(NamedTuple):
    """Compile-time settings of the window kernels: ``total`` channels with the guide's, and ``planes`` of factors."""

    radius: int
    channels: int
    total: int
    planes: int
    shape: str
    ranged: bool


class PatchSetting(NamedTuple):
    """Compile-time settings of the patch kernels."""

    search: int
    patch: int
    channels: int


class UpsampleSetting(NamedTuple):
    """Compile-time settings of the upsampling kernels."""

    radius: int
    channels: int


class Places(NamedTuple):
    """Positions of the output's rows or columns, as in ``triton_resampling``.

    ``most`` is the largest number of them whose windows contain the same input row or column.
    """

    near: Tensor
    part: Tensor
    begin: Tensor
    end: Tensor
    most: int


def single(flt: Filter, image: Tensor, maps: Any, slots: Any = None) -> Tensor:
    """:func:`pkn.nets.autograd.reference.single` by Triton; differentiable once.

    Dtypes other than float32 and float64, and windows of several planes, are left to the reference implementation.
    """
    if image.dtype not in (torch.float32, torch.float64) or flt.radius_z or flt.spacing != (1, 1, 1):
        return reference.single(flt, image, maps, slots)
    if isinstance(flt, NonLocalMeans):
        return _patches(flt, image, maps)
    if isinstance(flt, AnisotropicUpsampling):
        return _upsampling(flt, image, maps)
    return _window(flt, image, maps)


def _window(flt: Filter, image: Tensor, maps: Any) -> Tensor:
    (shape, ranged), channels = ENERGIES[type(maps)], image.shape[1]
    factors = _factors(maps, shape, ranged)
    if isinstance(maps, JointBilateralMaps):
        image = torch.cat([image, maps.guide], 1)
    setting = WindowSetting(flt.radius, channels, image.shape[1], factors.shape[1], shape, ranged)
    window = reference.pad(image, flt.radius, flt.border)
    out: Tensor = _Window.apply(setting, window, factors)  # type: ignore[no-untyped-call]
    return out


def _factors(maps: Any, shape: str, ranged: bool) -> Tensor:
    """Return factors (N, planes, H, W) that the energy is linear in."""
    if shape in ("softmax", "tanh"):
        logits: Tensor = maps.logits
        return logits
    if shape == "isotropic":
        planes = [reference.inverse_square(maps[0]) / -2]
    else:  # clamped as in the core, since an infinite factor times an offset of 0 is NaN
        kx, ky = maps.kx.clamp_max(LARGEST), maps.ky.clamp_max(LARGEST)
        planes = [kx * kx / -2, ky * ky / -2, -maps.rho * kx * ky]
    if ranged:
        planes.append(reference.inverse_square(maps.sigma_range) / -2)
    return torch.cat(planes, 1)


def _patches(flt: NonLocalMeans, image: Tensor, maps: Any) -> Tensor:
    factors = torch.cat([reference.inverse_square(maps.h), 2 * maps.sigma**2], 1)
    setting = PatchSetting(flt.radius, flt.patch_radius, image.shape[1])
    out: Tensor = _Patches.apply(setting, reference.pad(image, flt.halo, flt.border), factors)  # type: ignore[no-untyped-call]
    return out


def _upsampling(flt: AnisotropicUpsampling, image: Tensor, maps: Any) -> Tensor:
    size = image.shape[2], image.shape[3]
    places = _places(flt, size, image.dtype, image.device)
    resampled = type(maps)(*(reference.resampled(values, flt.out_shape(*size)) for values in maps))
    factors = _factors(resampled, "anisotropic", False)
    window = reference.pad(image, flt.radius, flt.border)
    setting = UpsampleSetting(flt.radius, image.shape[1])
    out: Tensor = _Upsampling.apply(setting, places, window, factors)  # type: ignore[no-untyped-call]
    return out


@lru_cache(maxsize=32)
def _places(
    flt: AnisotropicUpsampling, size: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> tuple[Places, Places]:
    """Positions of the output's rows and columns."""
    both = []
    for axis, length in zip(flt.axes(*size), size, strict=True):
        padded = np.arange(length + 2 * flt.radius)  # rows of the padded input
        begin, end = np.searchsorted(axis.near, padded - 2 * flt.radius), np.searchsorted(axis.near, padded, "right")
        whole = [torch.from_numpy(numbers).to(device, torch.int32) for numbers in (axis.near, begin, end)]
        part, most = torch.from_numpy(axis.part).to(device, dtype), int((end - begin).max())
        both.append(Places(whole[0], part, whole[1], whole[2], most))
    return both[0], both[1]


class _Window(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, setting: WindowSetting, window: Tensor, factors: Tensor) -> Tensor:
        return _averaged(ctx, triton_window.average, setting, window, factors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_out: Tensor) -> tuple[Tensor | None, ...]:
        saved, v_out, size = ctx.saved_tensors, v_out.contiguous(), v_out.shape[2:]
        window, factors, out, _ = saved
        v_window = torch.empty_like(window) if ctx.needs_input_grad[1] else None
        v_factors = torch.empty_like(factors)
        if v_window is not None:
            _launch(triton_window_vjp.grad_neighbours, ctx.setting, window, *saved, v_out, v_window, *size)
        _launch(triton_window_vjp.grad_centres, ctx.setting, out, *saved, v_out, v_window, v_factors, *size)
        return None, v_window, v_factors


class _Patches(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, setting: PatchSetting, window: Tensor, factors: Tensor) -> Tensor:
        return _averaged(ctx, triton_patches.average_patches, setting, window, factors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_out: Tensor) -> tuple[Tensor | None, ...]:
        saved, v_out, size, search = ctx.saved_tensors, v_out.contiguous(), v_out.shape[2:], ctx.setting.search
        window, factors, out, _ = saved
        v_window = torch.zeros_like(window) if ctx.needs_input_grad[1] else None
        v_factors = torch.zeros_like(factors)
        scratch = [out.new_empty((out.shape[0], 2 * search + 1, *size)) for _ in range(2)]
        for dy in range(-search, search + 1):
            _launch(triton_patches.weigh_row, ctx.setting, out, *saved, v_out, v_factors, *scratch, *size, dy)
            if v_window is not None:
                _launch(triton_patches.gather_row, ctx.setting, window, window, v_out, v_window, *scratch, *size, dy)
        return None, v_window, v_factors


class _Upsampling(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, setting: UpsampleSetting, places: tuple[Places, Places], window: Tensor, factors: Tensor
    ) -> Tensor:
        window, factors = window.contiguous(), factors.contiguous()
        out, log_mass = _results(factors, setting.channels)
        ctx.setting, ctx.places = setting, places
        ctx.numbers = *out.shape[2:], *window.shape[2:]
        ctx.positions = *places[0][:2], *places[1][:2]
        tensors = window, factors, out, log_mass
        _launch(triton_resampling.average_up, setting, out, *tensors, *ctx.positions, *ctx.numbers)
        ctx.save_for_backward(*tensors)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, v_out: Tensor) -> tuple[Tensor | None, ...]:
        saved, v_out = ctx.saved_tensors, v_out.contiguous()
        window, factors, out, log_mass = saved
        v_window = torch.empty_like(window) if ctx.needs_input_grad[2] else None
        v_factors = torch.empty_like(factors)
        arguments = *saved, v_out, v_factors, *ctx.positions, *ctx.numbers
        _launch(triton_resampling.grad_centres_up, ctx.setting, out, *arguments)
        if v_window is not None:
            rows, columns = ctx.places
            ranges = rows.begin, rows.end, columns.begin, columns.end
            arguments = (
                factors,
                log_mass,
                v_out,
                v_window,
                *ctx.positions,
                *ranges,
                *ctx.numbers,
                rows.most,
                columns.most,
            )
            _launch(triton_resampling.grad_neighbours_up, ctx.setting, window, *arguments)
        return None, None, v_window, v_factors


def _averaged(ctx: Any, kernel: Any, setting: WindowSetting | PatchSetting, window: Tensor, factors: Tensor) -> Tensor:
    """Run the forward pass of a filter that keeps the image's size."""
    window, factors = window.contiguous(), factors.contiguous()
    out, log_mass = _results(factors, setting.channels)
    _launch(kernel, setting, out, window, factors, out, log_mass, *out.shape[2:])
    ctx.setting = setting
    ctx.save_for_backward(window, factors, out, log_mass)
    return out


def _results(factors: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Allocate the output and the logarithm of the mass."""
    batch, _, height, width = factors.shape
    return factors.new_empty((batch, channels, height, width)), factors.new_empty((batch, 1, height, width))


def _launch(
    kernel: Any, setting: WindowSetting | PatchSetting | UpsampleSetting, tiled: Tensor, *arguments: Any
) -> None:
    """Run ``kernel`` on every tile of ``tiled`` (N, C, H, W)."""
    batch, _, height, width = tiled.shape
    grid = triton.cdiv(width, COLUMNS), triton.cdiv(height, ROWS), batch
    with torch.cuda.device_of(tiled):  # type: ignore[no-untyped-call]
        kernel[grid](*arguments, **setting._asdict(), rows=ROWS, columns=COLUMNS, **OPTIONS)
