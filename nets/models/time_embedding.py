"""Embeddings of the time, as inputs of networks."""

import math

import torch
from torch import Tensor


def sinusoids(t: Tensor, features: int) -> Tensor:
    """Return sines and cosines (N, features) of times t (N,) in [0, 1], with periods of about 0.006 to 60."""
    speed = 1000 * torch.exp(-math.log(10_000) * torch.arange(features // 2, device=t.device) / (features // 2))
    angles = t[:, None] * speed
    return torch.cat([angles.sin(), angles.cos()], 1)
