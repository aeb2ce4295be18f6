"""The protocol of degradations, checks of their parameters, and interpolation in time."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.mixtures import Degrade
from pkn.filters.arrays import check_whole_number
from pkn.io.folders import GREY


class Degradation(Protocol):
    """A degradation of images (N, C, H, W) in [-1, 1], from none at t = 0 to all of it at t = ``steps``."""

    @property
    def steps(self) -> int:
        """The last time, T."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_whole_number("steps", self.steps))

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        """Draw what is random about the degradation, once for each image of a batch.

        Parameters
        ----------
        images : Tensor of shape (N, C, H, W)
            Only the shape, dtype and device are used.
        generator : torch.Generator
            On the CPU.

        Returns
        -------
        callable
            ``degrade(x, t)``, deterministic, for x of the images' shape and t a number or a tensor (N,), in [0, T].
        """

    def terminal_size(self, size: int) -> int | None:
        """Size of what is left of an image at t = T.

        Parameters
        ----------
        size : int
            Side of the image in pixels.

        Returns
        -------
        int or None
            Side of the grid of colours that describes the terminal image; 0 if it doesn't depend on the image at all;
            None if much more than such a grid is left.
        """
        return None


def check(name: str, value: Any, valid: bool, expected: str) -> None:
    """Raise a ValueError about a parameter unless it is valid."""
    if not valid:
        raise ValueError(f"{name} is {value!r}; expected {expected}")


def check_odd(name: str, value: Any) -> None:
    """Raise a ValueError unless ``value`` is an odd whole number above 0."""
    check(name, value, check_whole_number(name, value) % 2 == 1, "an odd whole number")


def is_positive(value: Any) -> bool:
    """Whether ``value`` is a finite number above 0."""
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def interpolate_rows(table: Tensor, t: Any) -> Tensor:
    """Rows (1 or N, ...) of a table (T + 1, ...) at times t, interpolated linearly between two whole times."""
    t = torch.as_tensor(t, dtype=table.dtype, device=table.device).reshape(-1)
    low = t.floor().long().clamp(0, len(table) - 1)
    high = (low + 1).clamp_max(len(table) - 1)
    part: Tensor = (t - low).reshape(-1, *[1] * (table.ndim - 1))
    rows: Tensor = torch.lerp(table[low], table[high], part)
    return rows


def to_column(t: Any, like: Tensor) -> Tensor:
    """Times as a tensor (1 or N, 1, 1, 1) with the dtype and device of ``like``."""
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def to_grey(images: Tensor, luma: bool) -> Tensor:
    """Grey versions (N, 1, H, W) of images (N, C, H, W): luma (ITU-R BT.601) for RGB, or the mean of the channels."""
    if not luma or images.shape[1] != 3:
        return images.mean(1, keepdim=True)
    return (images * torch.from_numpy(GREY).to(images)[:, None, None]).sum(1, keepdim=True)


def times(steps: int, number: int | None = None) -> Sequence[float]:
    """Times of a sampler, evenly from T down to 0.

    Parameters
    ----------
    steps : int
        T, the number of steps of a degradation.
    number : int, optional
        Of the sampler's steps; T by default. If it is at most T, times are rounded to whole numbers, for which networks
        were trained.

    Returns
    -------
    sequence of float
        ``number`` + 1 times.
    """
    path = np.linspace(steps, 0, (number or steps) + 1)
    return [float(t) for t in (path if len(path) > steps + 1 else path.round())]
