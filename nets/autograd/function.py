"""Filters as differentiable functions of torch, dispatched by the device of the tensors."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.filters import Filter
from pkn.nets.autograd import reference
from pkn.nets.map_net.architecture import is_guide


class _FilterFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, flt: Filter, slots: np.ndarray | None, image: Tensor, *maps: Tensor) -> Tensor:
        arrays = flt.Maps(*(values.detach().contiguous().numpy() for values in maps))
        out, residuals = flt.forward(image.detach().contiguous().numpy(), arrays, slots=slots)
        ctx.filter, ctx.residuals = flt, residuals
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, *v_outs: Tensor) -> tuple[Tensor | None, ...]:
        v_out = v_outs[0].contiguous().numpy()
        v_image, v_maps = ctx.filter.vjp(ctx.residuals, v_out, image_too=ctx.needs_input_grad[2])
        v_tensors = (torch.from_numpy(values) for values in v_maps)
        return None, None, None if v_image is None else torch.from_numpy(v_image), *v_tensors


@cache
def single_on(device: str) -> reference.Single:
    """Return the function that computes single filters on a type of device other than the CPU."""
    if device == "cuda":
        try:
            from pkn.nets.autograd import (
                triton_filters,
            )  # not at the top: compilers are slow to import, and rarely needed

            return triton_filters.single
        except ImportError:
            pass
    return reference.single


def apply_filter(flt: Filter, image: Tensor, maps: Any, slots: np.ndarray | None = None) -> Tensor:
    """Filter a batch of images; differentiable in the image and in every map.

    Tensors on the CPU are filtered by the Numba core; tensors on a CUDA device by Triton kernels, if Triton is
    installed; all others by a reference implementation in plain torch.

    Parameters
    ----------
    flt : Filter
    image : Tensor of shape (N, C, H, W)
        float32 or float64.
    maps : NamedTuple or mapping of Tensors of shape (N, planes, H, W)
        Of the filter's ``Maps`` type, or with its names: one plane each, K * K for free kernels; smaller at a pyramid's
        coarse levels.
    slots : int array of shape (outputs, planes of a window), optional
        For a filter with ``radius_z``: which images of the batch lie in the window of each output, -1 for none. By
        default the batch is one stack. Maps other than guides are then those of the outputs.

    Returns
    -------
    Tensor of the image's shape
        Enlarged if the filter upsamples.

    Raises
    ------
    ValueError
        If a map doesn't fit the image in shape or dtype, or the names are others.

    Examples
    --------
    >>> import torch
    >>> from pkn.filters import Bilateral
    >>> from pkn.nets import apply_filter
    >>> image = torch.zeros(1, 1, 4, 6)
    >>> image[..., 3:] = 1
    >>> sigma_space = torch.full((1, 1, 4, 6), 2.0)
    >>> sigma_range = torch.full((1, 1, 4, 6), 0.5, requires_grad=True)
    >>> out = apply_filter(Bilateral(radius=2), image, Bilateral.Maps(sigma_space, sigma_range))
    >>> out[0, 0, 0, 2].backward()  # beside the edge, a wider range lets in more of the other side
    >>> out.shape, round(float(sigma_range.grad[0, 0, 0, 2]), 2)
    (torch.Size([1, 1, 4, 6]), 0.55)
    """
    if isinstance(maps, Mapping):
        maps = _named(flt, maps)
    for name, values in zip(maps._fields, maps, strict=True):
        count = len(image) if slots is None or is_guide(name) else len(slots)
        size = (count, *flt.map_size(name, image.shape[2:]))  # type: ignore[arg-type]
        if values.ndim != 4 or values.shape[:1] + values.shape[2:] != size or values.dtype != image.dtype:
            raise ValueError(
                f"map {name} is {values.dtype} of shape {tuple(values.shape)}; "
                f"expected {image.dtype} of shape (N, planes, H, W) for an image of shape {tuple(image.shape)}"
            )
    if image.device.type != "cpu":
        return reference.apply(flt, image, maps, single_on(image.device.type), slots)
    out: Tensor = _FilterFunction.apply(flt, slots, image, *maps)  # type: ignore[no-untyped-call]
    return out


def _named(flt: Filter, maps: Mapping[str, Tensor]) -> Any:
    names = flt.Maps._fields  # type: ignore[attr-defined]
    if sorted(maps) != sorted(names):
        raise ValueError(f"maps are {sorted(maps)}; expected {list(names)} for the filter {type(flt).__name__}")
    return flt.Maps(**maps)
