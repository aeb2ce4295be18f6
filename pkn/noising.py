"""Noise by interpolation, z = t x + (1 - t) noise, and what a network that takes it away is trained for.

"Generating Cats with KPN Filtering", 2025: z = x + (noise - x) (1 - t), t uniform; squared error and perceptual loss.
"""

import numpy as np
import torch
from torch import Tensor, nn

from pkn.restorer_training import Objective
from pkn.samplers import STRAIGHT


def interpolate(x: Tensor, noise: Tensor, t: Tensor | float) -> Tensor:
    """Z at times t (N,) or one t for all: 0 is noise, 1 the image."""
    return STRAIGHT.state(x, noise, t.reshape(-1, 1, 1, 1) if isinstance(t, Tensor) else t)


def objective(perceptual: nn.Module | None) -> Objective:
    """Mean squared error, plus a perceptual distance if there is one, at random times."""

    def loss(net: nn.Module, clean: Tensor, random: np.random.Generator) -> Tensor:
        t = torch.from_numpy(random.random(len(clean), np.float32)).to(clean.device)
        noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32)).to(clean.device)
        x0 = net(interpolate(clean, noise, t), t)
        error: Tensor = (x0 - clean).square().mean()
        if perceptual is not None:
            error = error + perceptual(x0, clean).mean()
        return error

    return loss
