"""What samplers' networks are trained for: ``objective(net, clean, random)`` is a loss for clean images in [-1, 1].

For noise by interpolation, "Generating Cats with KPN Filtering", 2025 (which counts 1 - t): t uniform; squared error
and perceptual distance of the predicted image. Besides: times and weights of Li & He 2025 (arXiv 2511.13720), who
predict the image as well. For any degradation, Bansal et al. 2022 (arXiv 2208.09392): mean absolute error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.degradations.mixtures import interpolate
from pkn.sampling.cold_diffusion import ColdModel

Objective = Callable[[nn.Module, Tensor, np.random.Generator], Tensor]

SMALLEST_TIME = 0.05  # below, errors weigh no more: 1 / t^2 would be all that counts
LARGEST_SHIFT = 3  # px, of both images before the features of a perceptual distance, whose first layer has stride 2


@dataclass(frozen=True)
class NoiseObjective:
    """What a sampler's network is trained for, as its weights file records it.

    Parameters
    ----------
    times : {"logit-normal", "uniform"}
        How t is drawn.
    mean, spread : float
        Of the logarithm of t / (1 - t), noise over signal, for "logit-normal".
    weighting : {"velocity", "none"}
        Squared errors of the image by 1 / t^2, which are those of the velocity noise - x that a sampler goes by, or as
        they are.
    perceptual : float
        Weight of a perceptual distance at t = 0. It falls linearly to 0 at ``perceptual_end``, for in more noise a
        network that is to paint what it can't know is no mean, and its sampler doesn't converge.
    perceptual_end : float
    drift : float
        Weight of the drift's energy, so that filtering does what it can.
    """

    times: str = "logit-normal"
    mean: float = -0.4
    spread: float = 1.2
    weighting: str = "velocity"
    perceptual: float = 0.0
    perceptual_end: float = 0.6
    drift: float = 0.02

    def __post_init__(self) -> None:
        for name, value, known in (
            ("times", self.times, ("logit-normal", "uniform")),
            ("weighting", self.weighting, ("velocity", "none")),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")

    def draw_times(self, number: int, random: np.random.Generator) -> Tensor:
        """Times (number,)."""
        if self.times == "uniform":
            return torch.from_numpy(random.random(number, np.float32))
        drawn = self.mean + self.spread * random.standard_normal(number)
        return torch.from_numpy(drawn.astype(np.float32)).sigmoid()

    def loss(self, perceptual: nn.Module | None = None) -> Objective:
        """The mean over a batch, for a :class:`pkn.training.restorer.RestorerTraining`."""

        def loss(net: Any, clean: Tensor, random: np.random.Generator) -> Tensor:
            t = self.draw_times(len(clean), random).to(clean.device)
            noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32)).to(clean.device)
            z = interpolate(clean, noise, t)
            maps = net.predict(z, t)
            x0 = net.apply(z, maps)
            errors = (x0 - clean).square().mean((1, 2, 3))
            if self.weighting == "velocity":
                errors = errors / t.clamp_min(SMALLEST_TIME).square()
            if maps.drift is not None and self.drift:
                errors = errors + self.drift * maps.drift.square().mean((1, 2, 3))
            if perceptual is not None and self.perceptual:
                share = self.perceptual * (1 - t / self.perceptual_end).clamp_min(0)
                errors = errors + share * perceptual(*_shifted(x0, clean, random))
            mean: Tensor = errors.mean()
            return mean

        return loss


def _shifted(x0: Tensor, clean: Tensor, random: np.random.Generator) -> list[Tensor]:
    """Both images by the same few pixels, mirrored at the borders."""
    left, top = (int(n) for n in random.integers(LARGEST_SHIFT + 1, size=2))
    pads = (left, LARGEST_SHIFT - left, top, LARGEST_SHIFT - top)
    return [F.pad(image, pads, mode="reflect") for image in (x0, clean)]


ERRORS = {"absolute": F.l1_loss, "squared": F.mse_loss}


def cold_objective(model: ColdModel, error: str = "absolute") -> Objective:
    """Mean error, "absolute" as published or "squared", of what a network predicts from D(x, t), t = 1 ... T.

    Raises
    ------
    ValueError
        For another error.
    """
    if error not in ERRORS:
        raise ValueError(f"error is {error!r}; expected one of {', '.join(ERRORS)}")
    measure, steps = ERRORS[error], model.degradation.steps

    def loss(net: nn.Module, clean: Tensor, random: np.random.Generator) -> Tensor:
        degrade = model.degradation.sample(clean, torch.Generator().manual_seed(int(random.integers(2**63))))
        t = torch.from_numpy(random.integers(1, steps + 1, len(clean))).to(clean.device)
        mean: Tensor = measure(replace(model, net=net).restore(degrade(clean, t), t), clean)
        return mean

    return loss
