"""Filtering of an image on a pyramid by predicted kernels, on the kernel core: a kernel-predicting network's filter.

After "Generating Cats with KPN Filtering" (2025), which simplifies Neural Partitioning Pyramids (Balint et al. 2023).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters import AnisotropicGaussianMaps, AnisotropicUpsampling, FreeKernel
from pkn.nets.autograd.function import apply_filter


class KernelMaps(NamedTuple):
    """Maps of :func:`filter_pyramid`: lists over pyramid levels, finest first, without the coarsest (not filtered).

    ``logits`` (N, K * K, H, W) of the kernels; ``gaussians`` (N, 3, H, W), the kx, ky and rho by which the next coarser
    level is upsampled to this one, in pixels of the coarser; ``blends`` (N, 1, H, W), the share of this level's own
    filtered image; ``drift`` (N, C, H, W), which is added to the finest level, or None; ``gains`` (N,) by which each
    level's image is multiplied before it is blended, the coarsest's too, or empty. Without a pyramid ``gaussians`` and
    ``blends`` are empty.
    """

    logits: list[Tensor]
    gaussians: list[Tensor]
    blends: list[Tensor]
    drift: Tensor | None
    gains: Sequence[Tensor] = ()

    def gained(self, level: int, filtered: Tensor) -> Tensor:
        """A level's image, as it is blended."""
        return self.gains[level][:, None, None, None] * filtered if self.gains else filtered


def filter_pyramid(z: Tensor, maps: KernelMaps, kernels: FreeKernel, enlarge: AnisotropicUpsampling) -> Tensor:
    """Filter and halve z (N, C, H, W) level by level, upsample and blend from the coarsest level on; add the drift."""
    filtered: list[Tensor] = []
    for logits in maps.logits:
        image = F.avg_pool2d(filtered[-1], 2) if filtered else z
        filtered.append(apply_filter(kernels, image, kernels.Maps(logits)))
    if not maps.gaussians:
        out = maps.gained(0, filtered[0])
    else:
        out = maps.gained(len(filtered), F.avg_pool2d(filtered[-1], 2))
        filtered = [maps.gained(level, image) for level, image in enumerate(filtered)]
        for image, gaussians, blend in zip(reversed(filtered), maps.gaussians[::-1], maps.blends[::-1], strict=True):
            out = torch.lerp(apply_filter(enlarge, out, coarse_gaussians(gaussians)), image, blend)
    return out if maps.drift is None else out + maps.drift


def coarse_gaussians(gaussians: Tensor) -> AnisotropicGaussianMaps:
    """Convert maps (N, 3, H, W) of the finer level to the coarser level's resolution, at which the core takes them.

    Means of 2 x 2 pixels, followed by the core's linear interpolation, don't shift the maps.
    """
    return AnisotropicGaussianMaps(*torch.split(F.avg_pool2d(gaussians, 2), 1, 1))
