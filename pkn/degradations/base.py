"""What degradations share: their form, checks of their numbers, times."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pkn.degradations.mixtures import Degrade


class Degradation(Protocol):
    """What all of them have."""

    @property
    def steps(self) -> int:
        """T."""

    def __post_init__(self) -> None:
        check("steps", self.steps, whole(self.steps), "a whole number, 1 or more")

    def sample(self, images: Tensor, generator: torch.Generator) -> Degrade:
        """``degrade(x, t)`` for a batch like ``images``."""

    def terminal_size(self, size: int) -> int | None:
        """Side of the grid of colours that is left at T of an image of ``size`` px; 0: nothing; None: much more."""
        return None


def check(name: str, value: Any, fine: bool, expected: str) -> None:
    """One error for a number that isn't ``fine``."""
    if not fine:
        raise ValueError(f"{name} is {value!r}; expected {expected}")


def whole(value: Any) -> bool:
    """Whether it is 1, 2, ..."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def positive(value: Any) -> bool:
    """Whether it is a finite number above 0."""
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def at(table: Tensor, t: Any) -> Tensor:
    """Rows (1 or N, ...) of a table (T + 1, ...) at t; between two, their mean weighted by how near they are."""
    t = torch.as_tensor(t, dtype=table.dtype, device=table.device).reshape(-1)
    low = t.floor().long().clamp(0, len(table) - 1)
    high = (low + 1).clamp_max(len(table) - 1)
    part: Tensor = (t - low).reshape(-1, *[1] * (table.ndim - 1))
    between: Tensor = torch.lerp(table[low], table[high], part)
    return between


def column(t: Any, like: Tensor) -> Tensor:
    """Times (1 or N, 1, 1, 1) in the precision and place of ``like``."""
    return torch.as_tensor(t, dtype=like.dtype, device=like.device).reshape(-1, 1, 1, 1)


def times(steps: int, number: int | None = None) -> Sequence[float]:
    """From T down to 0 in so many steps, T by default, as a sampler takes them; whole, if they aren't more than T."""
    path = np.linspace(steps, 0, (number or steps) + 1)
    return [float(t) for t in (path if len(path) > steps + 1 else path.round())]
