"""The sampler's filters as they are usually written in torch: windows unfolded, weights multiplied, sums taken."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.nets.autograd.reference import pad
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.nets.models.partition_pyramid import KernelMaps


class UnfoldedNet(KernelPredictingNet):
    """:class:`KernelPredictingNet` without our core."""

    def apply(self, z: Tensor, maps: KernelMaps) -> Tensor:  # type: ignore[override]
        radius = self.settings.radius
        filtered: list[Tensor] = []
        for logits in maps.logits:
            image = F.avg_pool2d(filtered[-1], 2) if filtered else z
            windows = _windows(image, radius, self.kernels.border)
            filtered.append((windows * self.weights(logits)[:, None]).sum(2))
        if not self.settings.pyramid:
            out = maps.gained(0, filtered[0])
            return out if maps.drift is None else out + maps.drift
        out = maps.gained(len(filtered), F.avg_pool2d(filtered[-1], 2))
        for level in reversed(range(len(filtered))):
            large = _enlarged(out, F.avg_pool2d(maps.gaussians[level], 2), radius, self.enlarge.border)
            out = torch.lerp(large, maps.gained(level, filtered[level]), maps.blends[level])
        return out if maps.drift is None else out + maps.drift


def _windows(image: Tensor, radius: int, border: str) -> Tensor:
    """(N, C, K * K, H, W)."""
    side = 2 * radius + 1
    flat = F.unfold(pad(image, radius, border), side)
    return flat.unflatten(1, (image.shape[1], side * side)).unflatten(3, image.shape[2:])


def _enlarged(image: Tensor, gaussians: Tensor, radius: int, border: str) -> Tensor:
    """To twice the size by Gaussians (N, 3, H, W) around each new pixel's position."""
    windows = _windows(image, radius, border).repeat_interleave(2, 3).repeat_interleave(2, 4)
    kx, ky, rho = F.interpolate(gaussians, scale_factor=2, mode="bilinear").split(1, 1)
    dr, dc = (_distances(n, axis, radius, image) for axis, n in enumerate(windows.shape[3:]))
    share = (radius + 0.5 - dr.abs()).clamp(0, 1) * (radius + 0.5 - dc.abs()).clamp(0, 1)
    form = (kx * dc) ** 2 + (ky * dr) ** 2 + 2 * rho * kx * ky * dr * dc
    weights = torch.exp(-form / 2) * share
    return (windows * (weights / weights.sum(1, keepdim=True))[:, None]).sum(2)


def _distances(number: int, axis: int, radius: int, like: Tensor) -> Tensor:
    """From each new pixel's position to the pixels of its window, along an axis: (1, K * K, H or 1, W or 1)."""
    offset = torch.arange(-radius, radius + 1, device=like.device, dtype=like.dtype)
    grid: list[Any] = list(torch.meshgrid(offset, offset, indexing="ij"))
    part = torch.tensor([-0.25, 0.25], device=like.device, dtype=like.dtype).repeat(number // 2)
    shape = (1, -1, 1) if axis == 0 else (1, 1, -1)
    return (grid[axis].reshape(-1, 1, 1) - part.reshape(shape))[None]
