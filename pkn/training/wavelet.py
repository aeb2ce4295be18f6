"""Training the networks of a wavelet model, each by itself, on coefficients of clean images.

As Kadkhodaie et al. 2023 (arXiv 2303.02984): blind; noise on the details alone, the low-pass given is clean; the mean
squared error of the noise; levels sigma = u^2, u uniform. Ours: u is spread evenly over each batch; how large levels
get, which for natural images is less; and low-passes that aren't clean but denoised, if asked for.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.training.objectives import Objective
from pkn.wavelets.denoising import SCALING, denoise_levels
from pkn.wavelets.haar_transform import haar, inverse_haar
from pkn.wavelets.models import WaveletModel

MEAN_SQUARE = 1 / 5  # of u^2
SHOWN_NOISE = 0.5  # of the largest: what a sheet shows


@dataclass(frozen=True)
class BandTask:
    """What one of a model's networks learns.

    Parameters
    ----------
    scales : int
        Of the model.
    scale : int, optional
        0 is the finest; None: the coarsest low-pass.
    noise : float
        Largest level, of images in [0, 1].
    coarser : WaveletModel, optional
        What denoises the low-pass that is given, as noisy as the details; it is clean without. (Then a network learns
        to denoise images, and no longer what details are like, from which one could draw.)
    """

    scales: int
    scale: int | None
    noise: float
    coarser: WaveletModel | None = None

    @property
    def name(self) -> str:
        """Of its weights file."""
        return "low" if self.scale is None else f"scale-{self.scale}"

    @property
    def inputs(self) -> tuple[int, int]:
        """Channels that the network sees, and whose noise it estimates."""
        return (1, 1) if self.scale is None else (4, 3)

    @property
    def largest(self) -> float:
        """Level of the coefficients at ``noise``."""
        halvings = self.scales if self.scale is None else self.scale + 1
        return float(self.noise * 0.5**halvings)

    @property
    def objective(self) -> Objective:
        """Mean squared error of the estimated noise, as a share of the noise's own."""

        def loss(net: nn.Module, clean: Tensor, random: np.random.Generator) -> Tensor:
            seen, noise = self.degraded(clean, random, torch.from_numpy(_spread(len(clean), random)))
            return F.mse_loss(net(seen), noise) / (MEAN_SQUARE * self.largest**2)

        return loss

    def degraded(self, clean: Tensor, random: np.random.Generator, u: Tensor) -> tuple[Tensor, Tensor]:
        """What the network sees of images (N, C, H, W) in [-1, 1] at levels noise u^2, (N,); and the noise in it."""
        given, truth = self._coefficients(clean)
        level = (self.largest * u**2).to(clean)[:, None, None, None]
        noise, other = (
            level * torch.from_numpy(random.standard_normal(part.shape, np.float32)).to(clean)
            for part in (truth, given)
        )
        if self.coarser is not None and self.scale is not None:
            with torch.no_grad():
                given = denoise_levels(self.coarser, given + other)
        return torch.cat([given, truth + noise], 1), noise

    def _coefficients(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """The low-pass that is given, if any, and what gets noisy."""
        low, details = 0.5 * clean + 0.5, clean[:, :0]
        for _ in range(self.scales if self.scale is None else self.scale + 1):
            low, details = haar(low, SCALING)
        return (low[:, :0], low) if self.scale is None else (low, details)

    def sheet(self, net: nn.Module, clean: Tensor) -> tuple[np.ndarray, int]:
        """Noisy, denoised and clean images at this scale, each in a row of three."""
        net.eval()
        clean = clean.to(next(net.parameters()).device)
        level = torch.full((len(clean),), SHOWN_NOISE**0.5)
        with torch.inference_mode():
            seen, noise = self.degraded(clean, np.random.default_rng(0), level)
            low, noisy = seen[:, : -noise.shape[1]], seen[:, -noise.shape[1] :]
            states = [noisy, noisy - net(seen), noisy - noise]
            rows = [state if self.scale is None else inverse_haar(low, state, SCALING) for state in states]
        return torch.stack(rows, 1).flatten(0, 1).permute(0, 2, 3, 1).clamp(0, 1).cpu().numpy(), len(rows)


def _spread(number: int, random: np.random.Generator) -> np.ndarray:
    """As many numbers of [0, 1], one in each of as many equal parts.

    A batch of few images then has noise of the same level as the next: bias-free norms divide by the batch's deviation
    in training, and by its moving average later; with levels by chance, 32 images in a batch, a network of cats then
    found 0.62 of the noise.
    """
    spread: np.ndarray = ((random.permutation(number) + random.random(number)) / number).astype(np.float32)
    return spread


def band_tasks(scales: int, noise: float) -> list[BandTask]:
    """Of a model of so many scales: the low-pass, then details from the coarsest on."""
    return [BandTask(scales, scale, noise) for scale in (None, *reversed(range(scales)))]
