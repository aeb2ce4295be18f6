"""Degradations in which something else takes the image's place: noise, or an image of another set."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from pkn.degradations.base import Degradation, to_column
from pkn.degradations.mixtures import Degrade, Mixture, cosine_mixture


class _Mixing(Degradation, Protocol):
    """A mixture of the image and something else, which replaces it at t = T."""

    @property
    def mixture(self) -> Mixture:
        """The weights of both."""
        return cosine_mixture(self.steps)

    def terminal_size(self, size: int) -> int | None:
        return 0


@dataclass(frozen=True)
class Noise(_Mixing):
    """A mixture of the image and Gaussian noise, drawn once for each image: the "hot" diffusion of Bansal et al.

    Parameters
    ----------
    steps : int
        T, of the cosine schedule.

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Noise
    >>> images = torch.full((1, 1, 100, 100), 0.5)
    >>> degrade = Noise(steps=10).sample(images, torch.Generator().manual_seed(0))
    >>> [round(float(degrade(images, t).std()), 2) for t in (0, 5, 10)]
    [0.0, 0.71, 1.0]
    """

    steps: int = 200

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        return _mixed(self.mixture, torch.randn(images.shape, generator=generator).to(images))


@dataclass(frozen=True)
class Animorphosis(_Mixing):
    """A mixture of the image and an image of another set, drawn at random.

    Parameters
    ----------
    steps : int
        T, of the cosine schedule.
    others : Tensor of shape (M, C, H, W)
        Images of the other set in [-1, 1].

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1; and from ``sample``, if there are no other images.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Animorphosis
    >>> images, others = torch.ones(2, 3, 4, 4), -torch.ones(5, 3, 4, 4)
    >>> degrade = Animorphosis(10, others).sample(images, torch.Generator().manual_seed(0))
    >>> [round(float(degrade(images, t).mean()), 2) for t in (0, 5, 10)]
    [1.0, -0.01, -1.0]
    """

    steps: int = 200
    others: Tensor | None = field(default=None, repr=False, compare=False)

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        if self.others is None:
            raise ValueError("others is None; expected images of another set to turn into")
        indices = torch.randint(len(self.others), (len(images),), generator=generator)
        return _mixed(self.mixture, self.others[indices].to(images))


def _mixed(mixture: Mixture, others: Tensor) -> Degrade:
    def degrade(x: Tensor, t: Any) -> Tensor:
        return mixture.state(x, others, to_column(t, x))

    return degrade
