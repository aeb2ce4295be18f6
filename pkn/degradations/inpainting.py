"""Inpainting as a degradation (Bansal et al. 2022, arXiv 2208.09392)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from pkn.degradations.base import Degradation, check, interpolate_rows, is_positive
from pkn.degradations.mixtures import Degrade


@dataclass(frozen=True)
class Inpainting(Degradation):
    """Multiplication by masks 1 - G, one after another, with Gaussians G of height 1 that grow wider.

    Parameters
    ----------
    start : float
        Standard deviation in pixels of the first Gaussian, above 0.
    growth : float
        By how many pixels the standard deviation grows with each step, at least 0.
    steps : int
        T.
    centred : bool
        Whether the Gaussians are in the centre of the image, or at a random position.
    coloured : bool
        Whether the image is replaced by a random constant colour, or by 0.
    inward : bool
        Whether what the masks remove is left instead, under fewer and fewer of them: the colour closes in from outside,
        until at T nothing else is there.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Inpainting
    >>> images = torch.ones(1, 1, 16, 16)
    >>> degrade = Inpainting(start=1.0, growth=0.5, steps=8, centred=True).sample(images, torch.Generator())
    >>> [round(float(degrade(images, t).mean()), 2) for t in (0, 4, 8)]
    [1.0, 0.8, 0.34]
    """

    start: float = 1.0
    growth: float = 0.1
    steps: int = 50
    centred: bool = False
    coloured: bool = False
    inward: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check("start", self.start, is_positive(self.start), "a number above 0")
        check("growth", self.growth, self.growth == 0 or is_positive(self.growth), "a number of at least 0")

    def terminal_size(self, size: int) -> int | None:
        return 0 if self.coloured else None

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        number, channels, height, width = images.shape
        masks = _masks(self, height, width).to(images)
        centres = torch.stack([torch.randint(side, (number,), generator=generator) for side in (height, width)])
        if self.centred:
            centres = torch.tensor([[height // 2], [width // 2]]).expand(2, number)
        colours = 2 * torch.rand(number, channels, 1, 1, generator=generator) - 1
        colours = colours.to(images) * self.coloured
        rows, columns = (
            (side + torch.arange(side) - centre[:, None]).to(images.device)
            for side, centre in zip((height, width), centres, strict=True)
        )

        def degrade(x: Tensor, t: Any) -> Tensor:
            mask = interpolate_rows(masks, t).expand(number, -1, -1)
            index = torch.arange(number, device=x.device)[:, None, None]
            mask = mask[index, rows[:, :, None], columns[:, None, :]][:, None]
            return x * mask + colours * (1 - mask)

        return degrade


@lru_cache(maxsize=16)
def _masks(inpainting: Inpainting, height: int, width: int) -> Tensor:
    """Masks (T + 1, 2 height, 2 width) of Gaussians in the centre, to be cut out around any position."""
    r, c = (torch.arange(-side, side, dtype=torch.float64) for side in (height, width))
    squares = r[:, None] ** 2 + c**2
    masks = [torch.ones_like(squares)]
    for step in range(inpainting.steps):
        masks.append(masks[-1] * -torch.expm1(-squares / (2 * (inpainting.start + step * inpainting.growth) ** 2)))
    if inpainting.inward:
        masks = [torch.ones_like(squares), *(1 - mask for mask in reversed(masks[:-1]))]
    return torch.stack(masks)
