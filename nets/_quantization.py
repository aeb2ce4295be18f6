"""A network in int8: weights by output channel, activations by tensor; what is added after the filter stays as it is.

The arithmetic is simulated: integers are multiplied as the floats they stand for, which gives the sums of int8 kernels.
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

LARGEST = 127
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
