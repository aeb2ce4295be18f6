"""Quantisation to int8: weights by output channel, activations by tensor; the drift and the time stay in float.

The arithmetic is simulated: integers are multiplied as floats, which gives the sums of int8 kernels. On disk only
weights are int8, beside their scales, and a network that is read computes in float32.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LARGEST = 127
SCALE = ".scale"  # after the name of a tensor in int8
PRECISE = ("drift", "time")  # parts in full precision: errors of the drift would be added to the image


class Int8Layer(nn.Module):
    """A convolution or linear layer with weights scale * int8, whose inputs are rounded to 8 bits at each call."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = [layer]  # in a list, so that its weights are not registered here
        scale = layer.weight.detach().abs().flatten(1).amax(1).clamp_min(1e-12) / LARGEST
        self.register_buffer("scale", scale)
        self.register_buffer("weight", (layer.weight.detach() / _column(scale, layer)).round().to(torch.int8))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().clone())

    def forward(self, inputs: Tensor) -> Tensor:
        layer = self.layer[0]
        step = inputs.detach().abs().amax().clamp_min(1e-12) / LARGEST
        rounded = (inputs / step).round() * step
        weight = self.weight * _column(self.scale, layer)
        if isinstance(layer, nn.Conv2d):
            return nn.functional.conv2d(rounded, weight, self.bias, layer.stride, layer.padding)
        return nn.functional.linear(rounded, weight, self.bias)


def quantized(net: Any) -> Any:
    """Return a copy of a network with :class:`Int8Layer` for all layers but those of the parts ``PRECISE``."""
    copy = deepcopy(net)
    for name, part in list(copy.named_modules()):
        if _is_precise(name):
            continue
        for key, layer in list(part.named_children()):
            if isinstance(layer, nn.Conv2d | nn.Linear) and not _is_precise(f"{name}.{key}".lstrip(".")):
                setattr(part, key, Int8Layer(layer))
    return copy


def _is_precise(name: str) -> bool:
    """Whether it is of a part ``PRECISE``, of the network or of its guiding one."""
    return name.removeprefix("guiding.").split(".")[0] in PRECISE


def _column(scale: Tensor, layer: nn.Module) -> Tensor:
    return scale.reshape(-1, 1, 1, 1) if isinstance(layer, nn.Conv2d) else scale[:, None]


def pack(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Quantise weights for a file: matrices and kernels to int8 with a scale for each output channel; others stay."""
    packed: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if values.ndim < 2 or _is_precise(name):
            packed[name] = values
            continue
        rows = values.astype(np.float32).reshape(len(values), -1)
        scale = np.maximum(np.abs(rows).max(1), 1e-12) / LARGEST
        packed[name] = np.rint(rows / scale[:, None]).astype(np.int8).reshape(values.shape)
        packed[name + SCALE] = scale.astype(np.float32)
    return packed


def unpack(packed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights as floats, whether or not they are packed by :func:`pack`.

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
                shape = values.shape[:1]
                raise ValueError(
                    f"{name} is int8 without a scale for each channel; expected {name}{SCALE} of shape {shape}"
                )
            values = values * scale.reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
        arrays[name] = values
    return arrays
