"""Noise-estimating networks, prepared for the many calls of a sampler on a CPU."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from pkn.nets.bfloat16 import half_precision
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, fused
from pkn.wavelets.models import WaveletModel


def inference_net(net: Any, half: bool = False) -> Callable[[Tensor], Tensor]:
    """The network as a function, with the gains of its norms fused into its weights.

    Parameters
    ----------
    net : torch.nn.Module
        From noisy images (N, C, H, W) to their noise.
    half : bool
        Whether it computes in bfloat16; its result is float32 all the same.
    """
    plain = fused(net) if isinstance(net, BiasFreeCNN) else net

    def estimate_noise(image: Tensor) -> Tensor:
        with half_precision("cpu", half):
            noise: Tensor = plain(image)
        return noise.float()

    return estimate_noise


def inference_model(model: WaveletModel, half: bool = False) -> WaveletModel:
    """The model with each of its networks as :func:`inference_net` prepares it.

    The finest scale is computed in float32 always: in bfloat16 its network leaves grain.
    """
    details = [inference_net(net, half and scale > 0) for scale, net in enumerate(model.details)]
    return replace(model, low=inference_net(model.low, half), details=details)
