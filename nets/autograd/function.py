"""The one bridge from torch to the filters."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from pkn.filters import Filter
from pkn.nets.autograd import reference


class _FilterFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flt: Filter, image: Tensor, *maps: Tensor) -> Tensor:
        arrays = flt.Maps(*(values.detach().contiguous().numpy() for values in maps))
        out, residuals = flt.forward(image.detach().contiguous().numpy(), arrays)
        ctx.filter, ctx.residuals = flt, residuals
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *v_outs: Tensor) -> tuple[Tensor | None, ...]:
        v_out = v_outs[0].contiguous().numpy()
        v_image, v_maps = ctx.filter.vjp(ctx.residuals, v_out, image_too=ctx.needs_input_grad[1])
        v_tensors = (torch.from_numpy(values) for values in v_maps)
        return None, None if v_image is None else torch.from_numpy(v_image), *v_tensors


@cache
def single_on(device: str) -> reference.Single:
    """What computes single filters on a kind of device that is not the CPU."""
    if device == "cuda":
        try:
            from pkn.nets.autograd import triton_filters  # here: compilers are slow to import, and rarely wanted

            return triton_filters.single
        except ImportError:
            pass
    return reference.single


def apply_filter(flt: Filter, image: Tensor, maps: Any) -> Tensor:
    """Filter a batch of images; differentiable in the image and in every map.

    Tensors on the CPU go through the Numba core, on a CUDA device through Triton kernels, if Triton is installed, and
    all others through a twin in plain torch.

    Parameters
    ----------
    flt : Filter
    image : Tensor of shape (N, C, H, W)
        float32 or float64.
    maps : NamedTuple of Tensors of shape (N, planes, H, W)
        Of the filter's ``Maps`` type: one plane each, K * K for free kernels; smaller at a pyramid's coarse levels.

    Returns
    -------
    Tensor of the image's shape
    """
    for name, values in zip(maps._fields, maps, strict=True):
        size = (image.shape[0], *flt.map_size(name, image.shape[2:]))  # type: ignore[arg-type]
        if values.ndim != 4 or values.shape[:1] + values.shape[2:] != size or values.dtype != image.dtype:
            raise ValueError(
                f"map {name} is {values.dtype} of shape {tuple(values.shape)}; "
                f"expected {image.dtype} of shape (N, planes, H, W) for an image of shape {tuple(image.shape)}"
            )
    if image.device.type != "cpu":
        return reference.apply(flt, image, maps, single_on(image.device.type))
    out: Tensor = _FilterFunction.apply(flt, image, *maps)  # type: ignore[no-untyped-call]
    return out
