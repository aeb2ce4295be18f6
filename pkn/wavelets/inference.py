"""Noise-estimating networks, made ready for the many calls of a sampler."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pkn.nets.models.bias_free_cnn import BiasFreeCNN, fused
from pkn.wavelets.models import WaveletModel


def inference_net(net: Any, half: bool = False) -> Callable[[Tensor], Tensor]:
    """The network on a CPU, its gains fused into its weights, in float32 or inside in bfloat16."""
    plain = fused(net) if isinstance(net, BiasFreeCNN) else net

    def computed(image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found: Tensor = plain(image)
        return found.float()

    return computed


def inference_model(model: WaveletModel, half: bool = False) -> WaveletModel:
    """A model of :func:`inference_net` networks."""
    return WaveletModel(inference_net(model.low, half), [inference_net(net, half) for net in model.details])
