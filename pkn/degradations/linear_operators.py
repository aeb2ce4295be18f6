"""Linear measurements of images (N, C, H, W), without noise: pixels, means of blocks, low frequencies.

Each is a :class:`pkn.sampling.inverse_problems.Measurement`: ``measure`` is linear, and ``pinv`` its pseudo-inverse.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from pkn.filters.arrays import check_whole_number


@dataclass(frozen=True, eq=False)
class Pixels:
    """Some of the pixels. To estimate the others is inpainting.

    Parameters
    ----------
    mask : Tensor of shape (H, W), bool
        True where a pixel is known, which must be one at least.

    Raises
    ------
    ValueError
        If the mask is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.linear_operators import Pixels
    >>> pixels = Pixels(torch.tensor([[True, False], [False, True]]))
    >>> y = pixels.measure(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    >>> y.tolist(), pixels.pinv(y).tolist()
    ([[[1.0, 4.0]]], [[[[1.0, 0.0], [0.0, 4.0]]]])
    """

    mask: Tensor

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != torch.bool or not self.mask.any():
            came = f"{str(self.mask.dtype).removeprefix('torch.')} of shape {tuple(self.mask.shape)}"
            known = int(self.mask.count_nonzero())
            raise ValueError(f"mask is {came} with {known} known; expected bool of shape (H, W) with at least one True")

    def measure(self, x: Tensor) -> Tensor:
        """Values (N, C, number of known pixels), row by row."""
        return x[..., self.mask]

    def pinv(self, y: Tensor) -> Tensor:
        """Images (N, C, H, W) with the values of the known pixels, and 0 elsewhere."""
        image = y.new_zeros(*y.shape[:2], *self.mask.shape)
        image[..., self.mask] = y
        return image


@dataclass(frozen=True)
class BlockMeans:
    """Means of blocks of pixels. To estimate the pixels is super-resolution.

    Parameters
    ----------
    side : int
        Side of a block in pixels.

    Raises
    ------
    ValueError
        If ``side`` is not a whole number of at least 1.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.linear_operators import BlockMeans
    >>> means = BlockMeans(2)
    >>> y = means.measure(torch.arange(8.0).reshape(1, 1, 2, 4))
    >>> y.tolist(), means.pinv(y).tolist()
    ([[[[2.5, 4.5]]]], [[[[2.5, 2.5, 4.5, 4.5], [2.5, 2.5, 4.5, 4.5]]]])
    """

    side: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "side", check_whole_number("side", self.side))

    def measure(self, x: Tensor) -> Tensor:
        """Means (N, C, H / side, W / side).

        Raises
        ------
        ValueError
            If the images' sides are not multiples of ``side``.
        """
        if x.shape[2] % self.side or x.shape[3] % self.side:
            raise ValueError(f"image is {x.shape[2]} x {x.shape[3]} px; expected multiples of {self.side}")
        return F.avg_pool2d(x, self.side)

    def pinv(self, y: Tensor) -> Tensor:
        """Images (N, C, H, W) of blocks of one colour."""
        return y.repeat_interleave(self.side, 2).repeat_interleave(self.side, 3)


@dataclass(frozen=True)
class BlurredWaves:
    """A Gaussian blur with periodic borders, without the frequencies that it all but removes.

    To undo it is deblurring.

    Parameters
    ----------
    size : (int, int)
        (H, W) of the images in pixels.
    deviation : float
        Standard deviation of the Gaussian in pixels, at least 0.
    smallest_gain : float
        Frequencies for which the blur's gain is smaller, in (0, 1], are removed.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.linear_operators import BlurredWaves
    >>> blur = BlurredWaves((1, 8), deviation=1.0)
    >>> slow = torch.cos(2 * torch.pi * torch.arange(8) / 8).reshape(1, 1, 1, 8)
    >>> fast = torch.tensor([1.0, -1.0] * 4).reshape(1, 1, 1, 8)
    >>> round(float(blur.measure(slow).max()), 3), round(float(blur.measure(fast).max()), 3)
    (0.735, 0.0)
    >>> torch.allclose(blur.pinv(blur.measure(slow + fast)), slow, atol=1e-6)
    True
    """

    size: tuple[int, int]
    deviation: float
    smallest_gain: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.deviation < float("inf"):
            raise ValueError(f"deviation is {self.deviation!r}; expected a number, 0 or more")
        if not 0 < self.smallest_gain <= 1:
            raise ValueError(f"smallest_gain is {self.smallest_gain!r}; expected above 0, at most 1")

    @cached_property
    def gains(self) -> Tensor:
        """Gain (H, W // 2 + 1) of the blur for each frequency of ``torch.fft.rfft2``; 0 for those removed."""
        down, across = torch.fft.fftfreq(self.size[0]), torch.fft.rfftfreq(self.size[1])
        gains = torch.exp(-2 * (torch.pi * self.deviation) ** 2 * (down[:, None] ** 2 + across**2))
        return torch.where(gains >= self.smallest_gain, gains, 0)

    def measure(self, x: Tensor) -> Tensor:
        """The blurred images (N, C, H, W), without the frequencies that are removed."""
        return self._multiply(self.gains, x)

    def pinv(self, y: Tensor) -> Tensor:
        """The images (N, C, H, W) before the blur, without the frequencies that are removed."""
        return self._multiply(torch.where(self.gains > 0, 1 / self.gains, 0), y)

    def _multiply(self, gains: Tensor, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(x) * gains.to(x.device)
        image: Tensor = torch.fft.irfft2(spectrum, s=self.size)
        return image
