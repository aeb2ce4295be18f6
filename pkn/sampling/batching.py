"""Batches of images in threads, each on one core: there small networks are quickest."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import numpy as np
import torch

from pkn.filters.engine.threads import one_thread

Result = TypeVar("Result")


def in_batches(work: Callable[..., Result], threads: int, *arguments: Iterable[object]) -> Iterator[Result]:
    """``map(work, *arguments)``, so many at a time."""

    def alone(*each: object) -> Result:
        with one_thread() if threads > 1 else nullcontext():
            return work(*each)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(alone, *arguments)


def batch_generator(seed: int, number: int) -> torch.Generator:
    """Of the batch of this number, whatever thread works on it."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, number)).generate_state(1)[0]))
