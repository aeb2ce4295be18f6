"""What can be known of an image (N, C, H, W), linearly and without noise: pixels, means of blocks, low frequencies.

Each is a :class:`pkn.sampling.inverse_problems.Measurement`.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Pixels:
    """Some of the pixels; to find the others is inpainting.

    Parameters
    ----------
    mask : Tensor of shape (H, W), bool
        Where they are known; one at least.
    """

    mask: Tensor

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != torch.bool or not self.mask.any():
            came = f"{str(self.mask.dtype).removeprefix('torch.')} of shape {tuple(self.mask.shape)}"
            raise ValueError(f"mask is {came} with {int(self.mask.count_nonzero())} known; expected bool, (H, W), one")

    def measure(self, x: Tensor) -> Tensor:
        """Values (N, C, number of known pixels), row by row."""
        return x[..., self.mask]

    def pinv(self, y: Tensor) -> Tensor:
        image = y.new_zeros(*y.shape[:2], *self.mask.shape)
        image[..., self.mask] = y
        return image


@dataclass(frozen=True)
class BlockMeans:
    """Means of blocks of side x side pixels; to find what was averaged is super-resolution."""

    side: int

    def __post_init__(self) -> None:
        if isinstance(self.side, bool) or not isinstance(self.side, int) or self.side < 1:
            raise ValueError(f"side is {self.side!r}; expected a whole number, 1 or more")

    def measure(self, x: Tensor) -> Tensor:
        if x.shape[2] % self.side or x.shape[3] % self.side:
            raise ValueError(f"image is {x.shape[2]} x {x.shape[3]} px; expected multiples of {self.side}")
        return F.avg_pool2d(x, self.side)

    def pinv(self, y: Tensor) -> Tensor:
        return y.repeat_interleave(self.side, 2).repeat_interleave(self.side, 3)


@dataclass(frozen=True)
class BlurredWaves:
    """A Gaussian blur with borders that wrap around, of waves that it leaves alive; to undo it is deblurring.

    Parameters
    ----------
    size : (int, int)
        (H, W) of the image, px.
    deviation : float
        Of the Gaussian, px.
    floor : float
        Waves with a smaller gain, from above 0 to 1, count as lost: in ``measure`` they are 0.
    """

    size: tuple[int, int]
    deviation: float
    floor: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < float("inf"):
            raise ValueError(f"deviation is {self.deviation!r}; expected a number, 0 or more")
        if not 0 < self.floor <= 1:
            raise ValueError(f"floor is {self.floor!r}; expected above 0, at most 1")

    @cached_property
    def gains(self) -> Tensor:
        """Of the blur, for each wave of ``torch.fft.rfft2``; 0 where it is lost."""
        down, across = torch.fft.fftfreq(self.size[0]), torch.fft.rfftfreq(self.size[1])
        gains = torch.exp(-2 * (torch.pi * self.deviation) ** 2 * (down[:, None] ** 2 + across**2))
        return torch.where(gains >= self.floor, gains, 0)

    def measure(self, x: Tensor) -> Tensor:
        """The blurred image, without the waves that are lost."""
        return self._times(self.gains, x)

    def pinv(self, y: Tensor) -> Tensor:
        return self._times(torch.where(self.gains > 0, 1 / self.gains, 0), y)

    def _times(self, factors: Tensor, x: Tensor) -> Tensor:
        waves = torch.fft.rfft2(x) * factors.to(x.device)
        image: Tensor = torch.fft.irfft2(waves, s=self.size)
        return image
