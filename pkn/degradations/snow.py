"""Snow as a degradation (Hendrycks & Dietterich 2019, arXiv 1903.12261)."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.degradations.base import Degradation, check, check_odd, is_positive, to_column, to_grey
from pkn.degradations.mixtures import Degrade


@dataclass(frozen=True)
class Snow(Degradation):
    """Snow of ImageNet-C (Hendrycks & Dietterich 2019, arXiv 1903.12261), with more flakes and motion at each step.

    Pairs of numbers are the values at t = 0 and at t = T, between which they change linearly.

    Parameters
    ----------
    steps : int
        T.
    threshold : (float, float)
        Noise of N(0.55, 0.3^2), enlarged 2.5 times, is snow where it is above.
    motion : (float, float)
        Standard deviation in pixels of the blur along the flakes' direction, above 0.
    brightness : (float, float)
        Weight of the image's own colours, and not of whitish ones; (1, 1) leaves the colours as they are.
    taps : int
        Number of pixels of the motion blur, odd.
    as_published : bool
        Whether it snows as in the code of Bansal et al. 2022 (arXiv 2208.09392): all images of a batch alike, along
        rows or columns, with nothing beyond the borders; and with the first of a pair of numbers at t = 1. Else each
        image has flakes and a direction of its own.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Snow
    >>> images = torch.full((1, 3, 32, 32), -0.5)
    >>> degrade = Snow(steps=10).sample(images, torch.Generator().manual_seed(0))
    >>> [round(float(degrade(images, t).mean()), 2) for t in (0, 5, 10)]
    [-0.5, -0.39, 0.12]
    """

    steps: int = 200
    threshold: tuple[float, float] = (1.15, 0.7)
    motion: tuple[float, float] = (0.05, 16.0)
    brightness: tuple[float, float] = (1.0, 1.0)
    taps: int = 11
    as_published: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd("taps", self.taps)
        check("motion", self.motion, all(map(is_positive, self.motion)), "two numbers above 0")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        base, offsets = self._base(images, generator), torch.arange(self.taps, device=images.device) - self.taps // 2
        number = len(base)
        angles = (torch.rand(number, generator=generator) * 90 - 135).deg2rad().to(images)
        upright = self.as_published and bool(torch.rand((), generator=generator) > 0.5)

        def degrade(x: Tensor, t: Any) -> Tensor:
            part = self._part(to_column(t, x))
            flakes = torch.where(base >= self._between(self.threshold, part), base, 0).clamp(0, 1)
            weights = torch.exp(-(offsets**2) / (2 * self._between(self.motion, part).flatten(1) ** 2))
            weights = (weights / weights.sum(1, keepdim=True)).expand(len(flakes), -1)
            if self.as_published:
                snow = _axis_blur(flakes, weights, upright)
            else:
                snow = _motion_blur(flakes, offsets, angles, weights)
            intensity = x / 2 + 0.5
            grey = to_grey(intensity, luma=True) * 1.5 + 0.5
            weight = self._between(self.brightness, part)
            snowy = weight * intensity + (1 - weight) * torch.maximum(intensity, grey) + snow + snow.rot90(2, (2, 3))
            return torch.where(to_column(t, x) > 0, 2 * snowy.clamp(0, 1) - 1, x)

        return degrade

    def _base(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Noise (N or 1, 1, H, W), enlarged 2.5 times."""
        number, _, height, width = images.shape
        if self.as_published:
            small = -(-height * 2 // 5), -(-width * 2 // 5)
            noise = torch.randn((1, 1, *small), generator=generator)
            wide = round(2.5 * small[0]), round(2.5 * small[1])
            top, left = (wide[0] - height) // 2, (wide[1] - width) // 2
            base = F.interpolate(noise, wide, mode="bilinear", align_corners=True)
            base = base[..., top : top + height, left : left + width]
        else:
            small = -(-height * 2 // 5) + 1, -(-width * 2 // 5) + 1
            noise = torch.randn((number, 1, *small), generator=generator)
            base = F.interpolate(noise, scale_factor=2.5, mode="bilinear")[..., :height, :width]
        return 0.55 + 0.3 * base.to(images)

    def _part(self, t: Tensor) -> Tensor:
        """Where times lie between the first and the last number of a pair, 0 to 1."""
        return ((t - 1) / max(self.steps - 1, 1)).clamp_min(0) if self.as_published else t / self.steps

    @staticmethod
    def _between(first_and_last: tuple[float, float], part: Tensor) -> Tensor:
        first, last = first_and_last
        return first + (last - first) * part


def _motion_blur(image: Tensor, offsets: Tensor, angles: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums, with weights (N, K), of images shifted by offsets (K,) in pixels along directions (N,)."""
    number, _, height, width = image.shape
    grid = F.affine_grid(torch.eye(2, 3).to(image).expand(number, 2, 3), list(image.shape), align_corners=False)
    directions = torch.stack([angles.cos() * 2 / width, angles.sin() * 2 / height], 1)[:, None, None]
    total = torch.zeros_like(image)
    for offset, weight in zip(offsets, weights.T, strict=True):
        shifted = F.grid_sample(image, grid + offset * directions, padding_mode="reflection", align_corners=False)
        total = total + weight[:, None, None, None] * shifted
    return total


def _axis_blur(image: Tensor, weights: Tensor, upright: bool) -> Tensor:
    """Images (N or 1, 1, H, W) blurred with weights (N, K) along columns or rows, with 0 beyond the borders."""
    kernels = weights[:, None, :, None] if upright else weights[:, None, None, :]
    stacked = image.expand(len(weights), -1, -1, -1).transpose(0, 1)
    blurred: Tensor = F.conv2d(stacked, kernels, padding="same", groups=len(weights))
    return blurred.transpose(0, 1)
