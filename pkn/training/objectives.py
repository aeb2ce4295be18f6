"""Objectives of training: ``objective(net, clean, random)`` is the loss for clean images (N, C, H, W) in [-1, 1].

For noise: squared error and perceptual distance of the predicted image, with t uniform, as in "Generating Cats with KPN
Filtering", 2025 (where t is our 1 - t); besides, the times and weights of Li & He 2025 (arXiv 2511.13720), whose
network predicts the image too. For any degradation: the mean absolute error of Bansal et al. 2022 (arXiv 2208.09392).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.degradations.mixtures import interpolate
from pkn.nets.models.unet import UNet
from pkn.sampling.cold_model import ColdModel

Objective = Callable[[nn.Module, Tensor, np.random.Generator], Tensor]

SMALLEST_TIME = 0.2  # 1 / t^2 stops growing below: fine detail in little noise would be most of the loss
LARGEST_SHIFT = 3  # px, of both images of a perceptual distance, because the first layer of its network has stride 2


@dataclass(frozen=True)
class NoiseObjective:
    """The objective of a sampler's network, as its weights file records it.

    Parameters
    ----------
    times : {"logit-normal", "uniform"}
        Distribution of t.
    mean, spread : float
        Mean and standard deviation of log(t / (1 - t)), noise over signal, for "logit-normal".
    weighting : {"velocity", "none"}
        Whether squared errors of the image are weighted by 1 / t^2, which makes them those of the velocity noise - x.
    perceptual : float
        Weight of a perceptual distance at t = 0. It falls linearly to 0 at ``perceptual_end``: with more noise, a
        network that is trained to add details that it can't know doesn't predict the mean, and its sampler doesn't
        converge.
    perceptual_end : float
        Time from which there is no perceptual distance.
    drift : float
        Weight of the energy of the drift at t = 0, so that the network uses its filters where it can. It falls linearly
        to 0 at t = 1, where there is nothing to filter.

    Raises
    ------
    ValueError
        For an unknown ``times`` or ``weighting``.

    Examples
    --------
    >>> import numpy as np
    >>> objective = NoiseObjective(times="logit-normal", mean=0.0, spread=1.0)
    >>> t = objective.draw_times(10_000, np.random.default_rng(0))
    >>> t.shape, round(float(t.median()), 1)
    (torch.Size([10000]), 0.5)
    """

    times: str = "logit-normal"
    mean: float = 0.6
    spread: float = 1.2
    weighting: str = "velocity"
    perceptual: float = 0.0
    perceptual_end: float = 0.6
    drift: float = 0.2

    def __post_init__(self) -> None:
        for name, value, known in (
            ("times", self.times, ("logit-normal", "uniform")),
            ("weighting", self.weighting, ("velocity", "none")),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(known)}")

    def draw_times(self, number: int, random: np.random.Generator) -> Tensor:
        """Draw times (number,)."""
        if self.times == "uniform":
            return torch.from_numpy(random.random(number, np.float32))
        drawn = self.mean + self.spread * random.standard_normal(number)
        return torch.from_numpy(drawn.astype(np.float32)).sigmoid()

    def loss(self, perceptual: nn.Module | None = None) -> Objective:
        """The objective, for :class:`pkn.training.restorer.RestorerTraining`.

        Parameters
        ----------
        perceptual : torch.nn.Module, optional
            Takes two batches (N, C, H, W) and returns their perceptual distances (N,).
        """

        def loss(net: Any, clean: Tensor, random: np.random.Generator) -> Tensor:
            t = self.draw_times(len(clean), random).to(clean.device)
            noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32)).to(clean.device)
            z = interpolate(clean, noise, t)
            x0, drift = _predicted(net, z, t)
            errors = (x0 - clean).square().mean((1, 2, 3))
            if self.weighting == "velocity":
                errors = errors / t.clamp_min(SMALLEST_TIME).square()
            if drift is not None and self.drift:
                errors = errors + self.drift * (1 - t) * drift.square().mean((1, 2, 3))
            if perceptual is not None and self.perceptual:
                share = self.perceptual * (1 - t / self.perceptual_end).clamp_min(0)
                errors = errors + share * perceptual(*_shifted(x0, clean, random))
            mean: Tensor = errors.mean()
            return mean

        return loss


def _predicted(net: Any, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor | None]:
    """The clean image, and the drift in it if the network has one."""
    if isinstance(net, UNet):
        return net(z, t), None
    maps = net.predict(z, t)
    return net.apply(z, maps), maps.drift


def _shifted(x0: Tensor, clean: Tensor, random: np.random.Generator) -> list[Tensor]:
    """Shift both images by the same few pixels, mirrored at the borders."""
    left, top = (int(n) for n in random.integers(LARGEST_SHIFT + 1, size=2))
    pads = (left, LARGEST_SHIFT - left, top, LARGEST_SHIFT - top)
    return [F.pad(image, pads, mode="reflect") for image in (x0, clean)]


ERRORS = {"absolute": F.l1_loss, "squared": F.mse_loss}


def cold_objective(model: ColdModel, error: str = "absolute") -> Objective:
    """The mean error of the image that is predicted from D(x, t), t uniform in 1 ... T.

    Parameters
    ----------
    model : ColdModel
        Its degradation and regularization count; its network is replaced by the one that is trained.
    error : {"absolute", "squared"}
        The absolute error is published; the squared error trains the network to predict means.

    Raises
    ------
    ValueError
        For another error.
    """
    if error not in ERRORS:
        raise ValueError(f"error is {error!r}; expected one of {', '.join(ERRORS)}")
    loss_function, steps = ERRORS[error], model.degradation.steps

    def loss(net: nn.Module, clean: Tensor, random: np.random.Generator) -> Tensor:
        degrade = model.degradation.sample(clean, torch.Generator().manual_seed(int(random.integers(2**63))))
        t = torch.from_numpy(random.integers(1, steps + 1, len(clean))).to(clean.device)
        mean: Tensor = loss_function(replace(model, net=net).restore(degrade(clean, t), t), clean)
        return mean

    return loss
