"""Random chains that don't depend on each other: each has its own generator, and batches of them run in threads."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.sampling.batching import in_batches

BATCH = 8  # chains at once
Generators = Sequence[np.random.Generator]


def normal(rngs: Generators, shape: Sequence[int], deviation: float = 1.0) -> Tensor:
    """White noise (N, *shape), each chain's by its own generator, float32."""
    return deviation * torch.from_numpy(np.stack([random.standard_normal(shape, np.float32) for random in rngs]))


def in_chains(work: Callable[[int, Generators], tuple[Tensor, ...]], n: int, rng: Any, threads: int) -> list[Tensor]:
    """What ``work(first, generators)`` gives for all of n chains, batch by batch, so many at a time; put together.

    Raises
    ------
    ValueError
        If ``n`` or ``threads`` isn't a whole number of 1 or more.
    """
    for name, value in (("n", n), ("threads", threads)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} is {value!r}; expected a whole number, 1 or more")
    rngs = np.random.default_rng(rng).spawn(n)
    firsts = range(0, n, BATCH)

    @torch.inference_mode()
    def each(first: int) -> tuple[Tensor, ...]:
        return work(first, rngs[first : first + BATCH])

    return [torch.cat(parts) for parts in zip(*in_batches(each, threads, firsts), strict=True)]
