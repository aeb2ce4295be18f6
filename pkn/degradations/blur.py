"""Gaussian blur as a degradation, and its regularized inverse."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import convolve1d
from torch import Tensor

from pkn.degradations.base import Degradation, check, check_odd, interpolate_rows, is_positive
from pkn.degradations.mixtures import Degrade

BORDERS = ("mirror", "wrap", "reflect", "nearest")


@dataclass(frozen=True)
class Blur(Degradation):
    """Gaussian blurs, one after another (Bansal et al. 2022, arXiv 2208.09392).

    Parameters
    ----------
    deviations : tuple of float
        Standard deviation in pixels of each step's Gaussian, above 0.
    side : int
        Side of its window in pixels, odd.
    border : {"mirror", "wrap", "reflect", "nearest"}
        As in ``scipy.ndimage``. The "reflect" of the paper's code (PyTorch's) is "mirror" here, its "circular" is
        "wrap".
    to_mean : bool
        Whether the last step replaces each channel by its mean.

    Raises
    ------
    ValueError
        If a parameter is not as described.

    Examples
    --------
    >>> import torch
    >>> from pkn.degradations.kinds import Blur
    >>> impulse = torch.zeros(1, 1, 9, 9)
    >>> impulse[0, 0, 4, 4] = 1
    >>> degrade = Blur((0.8, 0.8), side=5).sample(impulse, torch.Generator())
    >>> [round(float(degrade(impulse, t).max()), 3) for t in (0, 1, 2)]
    [1.0, 0.249, 0.126]
    """

    deviations: tuple[float, ...]
    side: int = 11
    border: str = "mirror"
    to_mean: bool = False

    def __post_init__(self) -> None:
        deviations = self.deviations if isinstance(self.deviations, tuple) else ()
        valid = len(deviations) > 0 and all(map(is_positive, deviations))
        check("deviations", self.deviations, valid, "numbers above 0")
        check_odd("side", self.side)
        check("border", self.border, self.border in BORDERS, f"one of {', '.join(BORDERS)}")

    @property
    def steps(self) -> int:
        return len(self.deviations)

    def terminal_size(self, size: int) -> int | None:
        return 1 if self.to_mean else None

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        rows, columns = (_blur_matrices(self, size).to(images.device) for size in images.shape[2:])

        def degrade(x: Tensor, t: Any) -> Tensor:
            return _multiply(interpolate_rows(columns, t), _multiply(interpolate_rows(rows, t), x, 2), 3)

        return degrade

    def regularized_inverse(self, x: Tensor, t: Any, regularization: float) -> Tensor:
        """Undo the blur at whole times t by Tikhonov regularization.

        In the basis of the singular vectors, where the blur multiplies by a gain g, this multiplies by
        g / (g^2 + regularization^2).

        The 40 published blurs of a digit reduce even its lowest frequencies to hundredths and ten-thousandths. They
        are still there to float32's precision, but a network needs long to learn to use them; with this as its input
        it needn't.

        Parameters
        ----------
        x : Tensor of shape (N, C, H, W)
            Blurred images.
        t : int, or Tensor of shape (N,)
            Rounded to whole numbers.
        regularization : float
            Above 0. Gains far below it are suppressed.

        Returns
        -------
        Tensor of shape (N, C, H, W)
        """
        t = torch.as_tensor(t).round().long().reshape(-1)
        coefficients, factors = x, []
        for axis, size in ((2, x.shape[2]), (3, x.shape[3])):
            left, gains, right = (part[t.cpu()].to(x) for part in _singular_values(self, size))
            coefficients = _multiply(left.transpose(1, 2), coefficients, axis)
            factors.append((gains, right))
        gain = factors[0][0][:, None, :, None] * factors[1][0][:, None, None, :]
        coefficients = coefficients * gain / (gain**2 + regularization**2)
        for axis, (_, right) in zip((2, 3), factors, strict=True):
            coefficients = _multiply(right.transpose(1, 2), coefficients, axis)
        return coefficients


@lru_cache(maxsize=16)
def _blur_matrices(blur: Blur, size: int) -> Tensor:
    """Matrices (T + 1, size, size), of which the t-th applies the first t blurs to a line of pixels."""
    matrices = [np.eye(size)]
    offsets = np.arange(blur.side) - blur.side // 2
    for deviation in blur.deviations:
        window = np.exp(-(offsets**2) / (2 * deviation**2))
        matrices.append(convolve1d(matrices[-1], window / window.sum(), axis=0, mode=blur.border))
    if blur.to_mean:
        matrices[-1] = np.full((size, size), 1 / size)
    return torch.from_numpy(np.stack(matrices))


@lru_cache(maxsize=16)
def _singular_values(blur: Blur, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Left singular vectors, singular values and right singular vectors of :func:`_blur_matrices`."""
    left, gains, right = torch.linalg.svd(_blur_matrices(blur, size))
    return left, gains, right


def _multiply(matrices: Tensor, image: Tensor, axis: int) -> Tensor:
    """Multiply lines of images (N, C, H, W) along axis 2 or 3 by matrices (1 or N, K, K), in the images' dtype."""
    matrices = matrices[:, None].to(image)
    with torch.autocast(image.device.type, enabled=False):  # bfloat16 would round off the little that is left
        return matrices @ image if axis == 2 else image @ matrices.transpose(2, 3)
