"""Blur as a degradation, and as far as it can be undone."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import convolve1d
from torch import Tensor

from pkn.degradations.base import Degradation, at, check, positive, whole
from pkn.degradations.mixtures import Degrade

BORDERS = ("mirror", "wrap", "reflect", "nearest")


@dataclass(frozen=True)
class Blur(Degradation):
    """Gaussian blurs, one after another.

    Parameters
    ----------
    deviations : sequence of float
        Standard deviation in pixels of each step's Gaussian.
    side : int
        Of its window, which is odd.
    border : {"mirror", "wrap", "reflect", "nearest"}
        As in ``scipy.ndimage``; the source's "reflect" is "mirror" here, its "circular" is "wrap".
    to_mean : bool
        Whether the last step leaves each channel's mean alone.
    """

    deviations: tuple[float, ...]
    side: int = 11
    border: str = "mirror"
    to_mean: bool = False

    def __post_init__(self) -> None:
        deviations = self.deviations if isinstance(self.deviations, tuple) else ()
        check("deviations", self.deviations, len(deviations) > 0 and all(map(positive, deviations)), "numbers above 0")
        check("side", self.side, whole(self.side) and self.side % 2 == 1, "an odd whole number")
        check("border", self.border, self.border in BORDERS, f"one of {', '.join(BORDERS)}")

    @property
    def steps(self) -> int:
        return len(self.deviations)

    def terminal_size(self, size: int) -> int | None:
        return 1 if self.to_mean else None

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        rows, columns = (_blur_operators(self, size).to(images.device) for size in images.shape[2:])

        def degrade(x: Tensor, t: Any) -> Tensor:
            return _along(at(columns, t), _along(at(rows, t), x, 2), 3)

        return degrade

    def regularized_inverse(self, x: Tensor, t: Any, floor: float) -> Tensor:
        """What linear algebra alone makes of x at whole t: gains g / (g^2 + floor^2) where blurring has the gain g.

        40 published blurs of a digit leave hundredths and ten-thousandths of its coarsest waves. They are there, to
        float32's precision, but a network needs long to learn to see them: it is given this instead.
        """
        t = torch.as_tensor(t).round().long().reshape(-1)
        turned, parts = x, []
        for axis, size in ((2, x.shape[2]), (3, x.shape[3])):
            left, gains, right = (part[t.cpu()].to(x) for part in _blur_waves(self, size))
            turned = _along(left.transpose(1, 2), turned, axis)
            parts.append((gains, right))
        gain = parts[0][0][:, None, :, None] * parts[1][0][:, None, None, :]
        turned = turned * gain / (gain**2 + floor**2)
        for axis, (_, right) in zip((2, 3), parts, strict=True):
            turned = _along(right.transpose(1, 2), turned, axis)
        return turned


@lru_cache(maxsize=16)
def _blur_operators(blur: Blur, size: int) -> Tensor:
    """What t blurs do to a line of pixels, (T + 1, size, size): all of them at once, not one after another."""
    operators = [np.eye(size)]
    offsets = np.arange(blur.side) - blur.side // 2
    for deviation in blur.deviations:
        window = np.exp(-(offsets**2) / (2 * deviation**2))
        operators.append(convolve1d(operators[-1], window / window.sum(), axis=0, mode=blur.border))
    if blur.to_mean:
        operators[-1] = np.full((size, size), 1 / size)
    return torch.from_numpy(np.stack(operators))


@lru_cache(maxsize=16)
def _blur_waves(blur: Blur, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Singular values and vectors of :func:`_blur_operators`."""
    left, gains, right = torch.linalg.svd(_blur_operators(blur, size))
    return left, gains, right


def _along(matrices: Tensor, image: Tensor, axis: int) -> Tensor:
    """Lines of an image (N, C, H, W) along an axis, 2 or 3, each times a matrix (1 or N, K, K), in its precision."""
    matrices = matrices[:, None].to(image)
    with torch.autocast(image.device.type, enabled=False):  # to bfloat16 it would round what little is left
        return matrices @ image if axis == 2 else image @ matrices.transpose(2, 3)
