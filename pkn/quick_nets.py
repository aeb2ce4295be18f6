"""Noise-estimating networks, made ready for the many calls of a sampler."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pkn.nets._bias_free import BiasFreeCNN, folded
from pkn.wavelet_models import WaveletModel


def quick(net: Any, half: bool = False) -> Callable[[Tensor], Tensor]:
    """The network on a CPU, its gains folded into its weights, in float32 or inside in bfloat16."""
    plain = folded(net) if isinstance(net, BiasFreeCNN) else net

    def computed(image: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found: Tensor = plain(image)
        return found.float()

    return computed


def quick_model(model: WaveletModel, half: bool = False) -> WaveletModel:
    """A model of :func:`quick` networks."""
    return WaveletModel(quick(model.low, half), [quick(net, half) for net in model.details])
