"""Training the networks of a wavelet model, each by itself, on the Haar coefficients of clean images.

As Kadkhodaie et al. 2023 (arXiv 2303.02984): the networks don't know the noise level; only the details are noisy, the
low-pass that is given with them is clean; the loss is the mean squared error of the noise; noise levels are
sigma = u^2, u uniform. Ours are: u is spread evenly over each batch; the largest noise level, which is lower for
natural images; and, optionally, low-passes that are not clean but denoised.
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
SHOWN_NOISE = 0.5  # of BandTask.grid, as a share of the largest noise level


@dataclass(frozen=True)
class BandTask:
    """What one of the networks of a wavelet model learns.

    Parameters
    ----------
    scales : int
        Number of scales of the model.
    scale : int, optional
        The scale of the details, 0 is the finest; None for the coarsest low-pass.
    noise : float
        Largest noise level, for images in [0, 1].
    coarser : WaveletModel, optional
        If given, the low-pass is as noisy as the details and this model denoises it; else the low-pass is clean. (With
        it the network denoises images better, but it no longer learns the distribution of details given a low-pass,
        and so can't be sampled from.)

    Examples
    --------
    >>> [(task.name, task.inputs, task.largest) for task in band_tasks(scales=2, noise=1.0)]
    [('low', (1, 1), 0.25), ('scale-1', (4, 3), 0.25), ('scale-0', (4, 3), 0.5)]
    """

    scales: int
    scale: int | None
    noise: float
    coarser: WaveletModel | None = None

    @property
    def name(self) -> str:
        """Name of the weights file, without suffix."""
        return "low" if self.scale is None else f"scale-{self.scale}"

    @property
    def inputs(self) -> tuple[int, int]:
        """Number of input channels, and of those whose noise is estimated."""
        return (1, 1) if self.scale is None else (4, 3)

    @property
    def largest(self) -> float:
        """Largest noise level of the coefficients."""
        halvings = self.scales if self.scale is None else self.scale + 1
        return float(self.noise * 0.5**halvings)

    @property
    def objective(self) -> Objective:
        """Mean squared error of the estimated noise, relative to the mean square of the noise."""

        def loss(net: nn.Module, clean: Tensor, random: np.random.Generator) -> Tensor:
            inputs, noise = self.degraded(clean, random, torch.from_numpy(_spread(len(clean), random)))
            return F.mse_loss(net(inputs), noise) / (MEAN_SQUARE * self.largest**2)

        return loss

    def degraded(self, clean: Tensor, random: np.random.Generator, u: Tensor) -> tuple[Tensor, Tensor]:
        """The inputs of the network, and the noise in them.

        Parameters
        ----------
        clean : Tensor of shape (N, 1, H, W)
            Images in [-1, 1].
        random : numpy.random.Generator
        u : Tensor of shape (N,)
            The noise level is ``noise`` u^2.
        """
        given, truth = self._coefficients(clean)
        noise_level = (self.largest * u**2).to(clean)[:, None, None, None]
        noise, other = (
            noise_level * torch.from_numpy(random.standard_normal(part.shape, np.float32)).to(clean)
            for part in (truth, given)
        )
        if self.coarser is not None and self.scale is not None:
            with torch.no_grad():
                given = denoise_levels(self.coarser, given + other)
        return torch.cat([given, truth + noise], 1), noise

    def _coefficients(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """The low-pass that is given (no channels if there is none), and the coefficients to which noise is added."""
        low, details = 0.5 * clean + 0.5, clean[:, :0]
        for _ in range(self.scales if self.scale is None else self.scale + 1):
            low, details = haar(low, SCALING)
        return (low[:, :0], low) if self.scale is None else (low, details)

    def grid(self, net: nn.Module, clean: Tensor) -> tuple[np.ndarray, int]:
        """Images (3 N, H, W, 1) in [0, 1] at this scale: rows of noisy, denoised and clean; and the length of a row."""
        net.eval()
        clean = clean.to(next(net.parameters()).device)
        u = torch.full((len(clean),), SHOWN_NOISE**0.5)
        with torch.inference_mode():
            inputs, noise = self.degraded(clean, np.random.default_rng(0), u)
            low, noisy = inputs[:, : -noise.shape[1]], inputs[:, -noise.shape[1] :]
            states = [noisy, noisy - net(inputs), noisy - noise]
            columns = [state if self.scale is None else inverse_haar(low, state, SCALING) for state in states]
        return torch.stack(columns, 1).flatten(0, 1).permute(0, 2, 3, 1).clamp(0, 1).cpu().numpy(), len(columns)


def _spread(number: int, random: np.random.Generator) -> np.ndarray:
    """Stratified random numbers: one in each of ``number`` equal parts of [0, 1], in random order.

    So even small batches have noise of similar power. That matters because bias-free norms divide by the deviation of
    the batch in training and by its moving average later: with independent noise levels and 32 images in a batch, a
    network that was trained on cats estimated only 0.62 of the noise.
    """
    spread: np.ndarray = ((random.permutation(number) + random.random(number)) / number).astype(np.float32)
    return spread


def band_tasks(scales: int, noise: float) -> list[BandTask]:
    """The tasks of a model of so many scales: the low-pass, then the details, coarsest first."""
    return [BandTask(scales, scale, noise) for scale in (None, *reversed(range(scales)))]
