"""The distribution of fully degraded images, where they are grids of few colours: a mixture of Gaussians.

Bansal et al. 2022 (arXiv 2208.09392), section 5: for blur the grid is each channel's mean, and one Gaussian is enough.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation
from pkn.io.tensors import to_tensor

MOST_IMAGES = 10_000  # that a mixture is fitted to
MOST_NUMBERS = 128  # in a grid; covariances of more would fill the header of a weights file


@dataclass(frozen=True)
class TerminalDistribution:
    """A mixture of K Gaussians over the colours of ``side`` x ``side`` squares: D = channels side^2 numbers.

    Parameters
    ----------
    side : int
        Squares along a side of the grid.
    weights : list of shape (K,)
        Of the Gaussians; they sum to 1.
    means : list of shape (K, D)
        Colours in [-1, 1].
    roots : list of shape (K, D, D)
        Of the covariances: covariance = root root^T.

    Examples
    --------
    >>> import torch
    >>> grey = TerminalDistribution(1, [1.0], [[0.25]], [[[0.0]]])
    >>> images = grey.draw(2, 8, torch.Generator().manual_seed(0))
    >>> images.shape, float(images.max())
    (torch.Size([2, 1, 8, 8]), 0.25)
    """

    side: int
    weights: list[float]
    means: list[list[float]]
    roots: list[list[list[float]]]

    def draw(self, n: int, size: int, generator: torch.Generator) -> Tensor:
        """Draw grids, as images (n, C, size, size)."""
        weights, means, roots = (torch.tensor(values) for values in (self.weights, self.means, self.roots))
        chosen = torch.multinomial(weights, n, replacement=True, generator=generator)
        normal = torch.randn(n, means.shape[1], 1, generator=generator)
        colours = means[chosen] + (roots[chosen] @ normal)[..., 0]
        return F.interpolate(colours.reshape(n, -1, self.side, self.side), (size, size), mode="nearest")


def fit_terminal_distribution(
    degradation: Degradation, images: np.ndarray, components: int = 1
) -> TerminalDistribution | None:
    """Fit the mixture to fully degraded images.

    Parameters
    ----------
    degradation : Degradation
    images : ndarray of shape (N, H, W, C), uint8
        Clean images.
    components : int
        Gaussians, K.

    Returns
    -------
    TerminalDistribution or None
        None where the degraded images aren't grids, or grids of too many colours.
    """
    side = degradation.terminal_size(images.shape[1])
    if not side or side**2 * images.shape[3] > MOST_NUMBERS:
        return None
    from sklearn.mixture import GaussianMixture

    clean = to_tensor(images[:: -(-len(images) // MOST_IMAGES)])  # every so many-th, for sets may be sorted by class
    degraded = degradation.sample(clean, torch.Generator().manual_seed(0))(clean, degradation.steps)
    colours = F.interpolate(degraded, (side, side), mode="nearest-exact").flatten(1).double().numpy()
    fitted = GaussianMixture(components, random_state=0).fit(colours)
    roots = np.linalg.cholesky(fitted.covariances_)
    return TerminalDistribution(
        side, *(np.round(values, 6).tolist() for values in (fitted.weights_, fitted.means_, roots))
    )
