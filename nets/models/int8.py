"""A network in int8: weights by output channel, activations by tensor; what is added after the filter stays as it is.

The arithmetic is simulated: integers are multiplied as the floats they stand for, which gives the sums of int8 kernels.
On disk, weights alone are int8, beside their scales, and a network that is read computes in floats.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LARGEST = 127
SCALE = ".scale"  # after the name of a tensor in int8
PRECISE = ("drift", "time")  # parts in full precision: the drift's error would be added to the image as it is


class Int8Layer(nn.Module):
    """A convolution or linear layer with weights w = scale * int8, and inputs rounded to 8 bit at each call."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = [layer]  # in a list, so that its own weights are no part of this one's
        scale = layer.weight.detach().abs().flatten(1).amax(1).clamp_min(1e-12) / LARGEST
        self.register_buffer("scale", scale)
        self.register_buffer("weight", (layer.weight.detach() / _column(scale, layer)).round().to(torch.int8))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, given: Tensor) -> Tensor:
        layer = self.layer[0]
        step = given.detach().abs().amax().clamp_min(1e-12) / LARGEST
        rounded = (given / step).round() * step
        weight = self.weight * _column(self.scale, layer)
        if isinstance(layer, nn.Conv2d):
            return nn.functional.conv2d(rounded, weight, self.bias, layer.stride, layer.padding)
        return nn.functional.linear(rounded, weight, self.bias)


def quantized(net: Any) -> Any:
    """A copy whose layers are :class:`Int8Layer`, but for ``PRECISE``."""
    copy = deepcopy(net)
    for name, part in list(copy.named_modules()):
        if name.split(".")[0] in PRECISE:
            continue
        for key, layer in list(part.named_children()):
            if isinstance(layer, nn.Conv2d | nn.Linear) and f"{name}.{key}".strip(".").split(".")[0] not in PRECISE:
                setattr(part, key, Int8Layer(layer))
    return copy


def _column(scale: Tensor, layer: nn.Module) -> Tensor:
    return scale.reshape(-1, 1, 1, 1) if isinstance(layer, nn.Conv2d) else scale[:, None]


def pack(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights for a file: matrices and kernels in int8 with a scale for each output channel, the rest as it is."""
    packed: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if values.ndim < 2 or name.split(".")[0] in PRECISE:
            packed[name] = values
            continue
        rows = values.astype(np.float32).reshape(len(values), -1)
        scale = np.maximum(np.abs(rows).max(1), 1e-12) / LARGEST
        packed[name] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(values.shape)
        packed[name + SCALE] = scale.astype(np.float32)
    return packed


def unpack(packed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights as floats, whether :func:`pack` made them smaller or not.

    Raises
    ------
    ValueError
        If a scale is missing or has another length.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, values in packed.items():
        if name.endswith(SCALE) and packed.get(name.removesuffix(SCALE), values).dtype == np.int8:
            continue
        if values.dtype == np.int8:
            scale = packed.get(name + SCALE)
            if scale is None or scale.shape != values.shape[:1]:
                raise ValueError(f"{name} is int8 without a scale for each of its {values.shape[:1]} channels")
            values = values * scale.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
        arrays[name] = values
    return arrays
