"""Super-resolution as a degradation (Bansal et al. 2022, arXiv 2208.09392)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation, check, interpolate_rows
from pkn.degradations.mixtures import Degrade


@dataclass(frozen=True)
class SuperResolution(Degradation):
    """Replacement of squares of pixels by one colour each; their side doubles with each step.

    Where squares don't fit into the image, they are rectangles that are nearly square.

    Parameters
    ----------
    steps : int
        T; the squares' last side is 2^T pixels.
    colour : {"mean", "bicubic"}
        The mean of the square's pixels; or what bicubic interpolation without antialiasing makes of the step before, as
        in the paper's code.

    Raises
    ------
    ValueError
        If ``steps`` is not a whole number of at least 1, or there is no such colour.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import SuperResolution
    >>> ramp = torch.linspace(-0.75, 0.75, 4).expand(1, 1, 4, 4)
    >>> degrade = SuperResolution(steps=2).sample(ramp, torch.Generator())
    >>> degrade(ramp, 1)[0, 0, 0].tolist(), degrade(ramp, 2)[0, 0, 0].tolist()
    ([-0.5, -0.5, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0])
    """

    steps: int = 3
    colour: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check("colour", self.colour, self.colour in ("mean", "bicubic"), "mean or bicubic")

    def terminal_size(self, size: int) -> int | None:
        return max(1, size >> self.steps)

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        def degrade(x: Tensor, t: Any) -> Tensor:
            resolutions, enlarging = [x], "nearest" if self.colour == "mean" else "nearest-exact"
            for step in range(1, self.steps + 1):
                size = max(1, x.shape[2] // 2**step), max(1, x.shape[3] // 2**step)
                small = self._reduced(x if self.colour == "mean" else resolutions[-1], size)
                resolutions.append(F.interpolate(small, x.shape[2:], mode=enlarging))
            weights = interpolate_rows(torch.eye(self.steps + 1, dtype=x.dtype, device=x.device), t)
            pairs = zip(resolutions, weights.T, strict=True)
            return torch.stack([weight[:, None, None, None] * image for image, weight in pairs]).sum(0)

        return degrade

    def _reduced(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        if self.colour == "mean":
            return F.adaptive_avg_pool2d(image, size)
        return F.interpolate(image, size, mode="bicubic", antialias=False)
