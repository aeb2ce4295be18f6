"""Guidance by a worse network, as in "Guiding a Diffusion Model with a Bad Version of Itself".

Karras et al. 2024 (arXiv 2406.02507): where a network of the same kind, but smaller and less trained, predicts
something else, it errs in the same way, only more, so that going away from it is going towards better images.
"""

from typing import Any

import torch
from torch import Tensor

DEFAULT = 2.0  # of networks that have a guiding one
# Kynkäänniemi et al. 2024 (arXiv 2404.07724) guide in an interval of noise levels alone. What an image is of is decided
# before this time; guided down to 0.4, cats had too much contrast and specks in their fur.
LAST = 0.6


def guided(net: Any, z: Tensor, t: float, guidance: float) -> Tensor:
    """The clean image behind z (N, C, H, W) at the time t: guiding + guidance (net - guiding), down to ``LAST``."""
    times = torch.full((len(z),), t, device=z.device)
    predicted: Tensor = net(z, times)
    if guidance == 1 or t < LAST:
        return predicted
    return torch.lerp(net.guiding(z, times), predicted, guidance)


def check_guidance(net: Any, guidance: float | None) -> float:
    """The ``guidance`` that is asked for, or the default for the network.

    Raises
    ------
    ValueError
        If it is below 0 or not finite, or isn't 1 for a network that has no guiding one.
    """
    has_guiding = getattr(net, "guiding", None) is not None
    if guidance is None:
        return DEFAULT if has_guiding else 1.0
    if not 0 <= guidance < float("inf"):
        raise ValueError(f"guidance is {guidance}; expected a number from 0 on")
    if guidance != 1 and not has_guiding:
        raise ValueError(f"guidance is {guidance}; expected 1 for a network that has no guiding one")
    return float(guidance)
