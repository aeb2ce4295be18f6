"""Memory of large arrays, kept for the next ones: new pages cost as much as what fills them.

Of a tile of an image some forty planes are made, one after the other, each for a short time. The system would take each
one's memory back and give it out again page by page, filled with zeros, which took 5 % of the time, and in a virtual
machine, whose host takes memory back too, up to 25 %.
"""

import math
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from pkn.filters.engine.threads import run_strips

LEAST = 1 << 18  # bytes; the allocator keeps smaller memory itself
SPARE = 1.5  # memory is used for arrays that fill two thirds of it
MOST = 256 << 20  # bytes kept: what the tiles of a large image need
COPIED = 256  # rows, in a strip

_lock = threading.RLock()  # memory may come back while the same thread looks for some
_kept: list[np.ndarray] = []


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


class _Lent:
    """Memory that an array and its views refer to; with the last of them it comes back."""

    def __init__(self, memory: np.ndarray) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if finalizing():
            return
        with _lock:
            _kept.append(self._memory)
            while sum(memory.nbytes for memory in _kept) > MOST:
                del _kept[0]


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """As :func:`numpy.empty`; where large, in memory of arrays that are gone."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if not LEAST <= size <= MOST:
        return np.empty(shape, dtype)
    with _lock:
        fitting = [memory for memory in _kept if size <= memory.nbytes <= SPARE * size]
        memory = min(fitting, key=len) if fitting else np.empty(size, np.uint8)
        _kept[:] = [each for each in _kept if each is not memory]
    return np.asarray(_Lent(memory))[:size].view(dtype).reshape(shape)


def contiguous(planes: np.ndarray) -> np.ndarray:
    """Planes (C, H, W) as :func:`numpy.ascontiguousarray` has them, copied by all threads."""
    if planes.flags.c_contiguous:
        return planes
    return copied(planes, empty(planes.shape, planes.dtype))


def copied(planes: np.ndarray, out: np.ndarray) -> np.ndarray:
    """``out`` (C, H, W), filled with ``planes`` by all threads."""

    def task(n: int, start: int, stop: int) -> None:
        out[n, start:stop] = planes[n, start:stop]

    run_strips(task, len(planes), planes.shape[1], COPIED)
    return out
