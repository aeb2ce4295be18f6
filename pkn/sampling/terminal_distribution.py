"""What a degradation leaves of a set of images at its end, where that is a grid of few colours: a mixture of Gaussians.

Bansal et al. 2022, section 5: for blur that grid is each channel's mean, and one Gaussian is enough.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation
from pkn.io.tensors import to_tensor

FITTED = 10_000  # images, at most
LARGEST = 128  # colours; covariances of more would fill a weights file's header


@dataclass(frozen=True)
class TerminalDistribution:
    """Mixture of K Gaussians over the colours of ``side`` x ``side`` squares: D = channels side^2 numbers.

    ``weights`` (K), ``means`` (K, D), ``roots`` (K, D, D) with covariance = root root^T.
    """

    side: int
    weights: list[float]
    means: list[list[float]]
    roots: list[list[list[float]]]

    def draw(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Pictures of grids, (n, C, size, size)."""
        weights, means, roots = (torch.tensor(values) for values in (self.weights, self.means, self.roots))
        chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
        normal = torch.randn(n, means.shape[1], 1, generator=generator)
        colours = means[chosen] + (roots[chosen] @ normal)[..., 0]
        return F.interpolate(colours.reshape(n, -1, self.side, self.side), (size, size), mode="nearest")


def fit_terminal_distribution(
    degradation: Degradation, images: np.ndarray, components: int = 1
) -> TerminalDistribution | None:
    """The mixture for images (N, H, W, C), uint8; None where something else is left of them."""
    side = degradation.terminal_size(images.shape[1])
    if not side or side**2 * images.shape[3] > LARGEST:
        return None
    from sklearn.mixture import GaussianMixture

    clean = to_tensor(images[:: -(-len(images) // FITTED)])  # sets may be sorted by class
    degraded = degradation.sample(clean, torch.Generator().manual_seed(0))(clean, degradation.steps)
    colours = F.interpolate(degraded, (side, side), mode="nearest-exact").flatten(1).double().numpy()
    fitted = GaussianMixture(components, random_state=0).fit(colours)
    roots = np.linalg.cholesky(fitted.covariances_)
    return TerminalDistribution(
        side, *(np.round(values, 6).tolist() for values in (fitted.weights_, fitted.means_, roots))
    )
