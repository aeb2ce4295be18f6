"""An image filtered on a pyramid by predicted kernels, all on the kernel core: what a kernel-predicting network does.

After "Generating Cats with KPN Filtering" (2025), which simplifies Neural Partitioning Pyramids (Balint et al. 2023).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters import AnisotropicGaussianMaps, AnisotropicUpsampling, FreeKernel
from pkn.nets.autograd.function import apply_filter


class KernelMaps(NamedTuple):
    """What is done to an image: lists by level, finest first; at all levels but the coarsest, which isn't filtered.

    ``logits`` (N, K * K, H, W) of the kernels; ``gaussians`` (N, 3, H, W), by which the next coarser level is enlarged
    to this one, in pixels of the coarser; ``blends`` (N, 1, H, W): share of this level's own filtered image; ``drift``
    (N, C, H, W) is added to the finest, or None. Without a pyramid there are no ``gaussians`` and no ``blends``.
    """

    logits: list[Tensor]
    gaussians: list[Tensor]
    blends: list[Tensor]
    drift: Tensor | None


def filter_pyramid(z: Tensor, maps: KernelMaps, kernels: FreeKernel, enlarge: AnisotropicUpsampling) -> Tensor:
    """Down by kernels and means of 2 x 2 pixels, up again by Gaussians and blends; with the drift, if there is one."""
    filtered: list[Tensor] = []
    for logits in maps.logits:
        image = F.avg_pool2d(filtered[-1], 2) if filtered else z
        filtered.append(apply_filter(kernels, image, kernels.Maps(logits)))
    if not maps.gaussians:
        out = filtered[0]
    else:
        out = F.avg_pool2d(filtered[-1], 2)
        for image, gaussians, blend in zip(reversed(filtered), maps.gaussians[::-1], maps.blends[::-1], strict=True):
            out = torch.lerp(apply_filter(enlarge, out, coarse_gaussians(gaussians)), image, blend)
    return out if maps.drift is None else out + maps.drift


def coarse_gaussians(gaussians: Tensor) -> AnisotropicGaussianMaps:
    """Maps (N, 3, H, W) at the finer level, for the core, which takes them at the coarser and interpolates between.

    Means of 2 x 2 and linear interpolation are the pair that keeps phase and an even variance.
    """
    return AnisotropicGaussianMaps(*torch.split(F.avg_pool2d(gaussians, 2), 1, 1))
