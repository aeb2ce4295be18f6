"""Independent samples in batches: batches run in threads, and each sample may have a random generator of its own.

Small networks are fastest with one batch on each core and torch on one thread.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_whole_number
from pkn.filters.engine.threads import one_thread

BATCH = 8  # chains in a batch of run_chains
Callback = Callable[[float, float, Mapping[str, Any]], None]  # callback(done, total, info)
Generators = Sequence[np.random.Generator]
Result = TypeVar("Result")


def silent(done: float, total: float, info: Mapping[str, Any]) -> None:
    """The default callback, which reports nothing."""


def in_batches(work: Callable[..., Result], threads: int, *arguments: Iterable[object]) -> Iterator[Result]:
    """Like ``map(work, *arguments)``, with ``threads`` calls at a time; results come in the order of the arguments."""

    def alone(*each: object) -> Result:
        with one_thread() if threads > 1 else nullcontext():
            return work(*each)

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(alone, *arguments)


def batch_generator(seed: int, number: int) -> torch.Generator:
    """The generator of batch ``number``: the batch's draws don't depend on the thread that works on it."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence((seed, number)).generate_state(1)[0]))


def standard_normal(rngs: Generators, shape: Sequence[int]) -> Tensor:
    """White noise of shape (N, *shape), float32: the noise of each of the N chains is drawn by its own generator."""
    return torch.from_numpy(np.stack([rng.standard_normal(shape, np.float32) for rng in rngs]))


def run_chains(work: Callable[[int, Generators], tuple[Tensor, ...]], n: int, rng: Any, threads: int) -> list[Tensor]:
    """Run ``n`` independent random chains in batches and concatenate their results.

    Parameters
    ----------
    work : callable
        ``work(first, rngs)`` runs the chains ``first``, ``first + 1``, ..., one for each of the generators ``rngs``,
        and returns tensors whose first axis is the chain.
    n : int
        Number of chains.
    rng : None, int or numpy.random.Generator
        Each chain gets a generator that is spawned from this one, so its draws don't depend on ``n``.
    threads : int
        Batches at a time.

    Returns
    -------
    list of Tensor
        Each of the results of ``work``, for all chains.

    Raises
    ------
    ValueError
        If ``n`` or ``threads`` isn't a whole number of 1 or more.
    """
    n, threads = check_whole_number("n", n), check_whole_number("threads", threads)
    rngs = np.random.default_rng(rng).spawn(n)

    @torch.inference_mode()
    def batch(first: int) -> tuple[Tensor, ...]:
        return work(first, rngs[first : first + BATCH])

    return [torch.cat(results) for results in zip(*in_batches(batch, threads, range(0, n, BATCH)), strict=True)]
