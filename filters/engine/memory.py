"""Memory of large arrays, kept while an image is filtered: new pages cost as much as what fills them.

Of a tile of an image some forty planes are made, one after the other, each for a short time. The system would take each
one's memory back and give it out again page by page, filled with zeros, which took 5 % of the time.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pkn.filters.engine.threads import run_strips

LEAST = 1 << 18  # bytes; the allocator keeps smaller memory itself
LARGEST_SPARE = 1.5  # memory is used for arrays that fill two thirds of it
MOST = 48 << 20  # bytes kept: more gained nothing, as little fits
COPIED = 256  # rows, in a strip

_lock = threading.RLock()
_kept: list[np.ndarray] = []
_users = [0]


class _Lent:
    """Memory that an array and its views refer to; with the last of them it comes back."""

    def __init__(self, memory: np.ndarray) -> None:
        self._memory = memory
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        with _lock:
            if _users[0]:
                _kept.append(self._memory)
            while sum(memory.nbytes for memory in _kept) > MOST:
                _kept.pop(0)


@contextmanager
def reusing() -> Iterator[None]:
    """Keep the memory of arrays from :func:`empty` for the next ones, until the last of all who want that is done."""
    with _lock:
        _users[0] += 1
    try:
        yield
    finally:
        with _lock:
            _users[0] -= 1
            if not _users[0]:
                _kept.clear()


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """As :func:`numpy.empty`; where large, in memory that is kept (see :func:`reusing`)."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LEAST or not _users[0]:
        return np.empty(shape, dtype)
    with _lock:
        fitting = [k for k, memory in enumerate(_kept) if size <= memory.nbytes <= LARGEST_SPARE * size]
        memory = _kept.pop(fitting[-1]) if fitting else None
    lent = np.asarray(_Lent(np.empty(size, np.uint8) if memory is None else memory))
    return lent[:size].view(dtype).reshape(shape)


def contiguous(planes: np.ndarray) -> np.ndarray:
    """Planes (C, H, W) as :func:`numpy.ascontiguousarray` has them, copied by all threads."""
    if planes.flags.c_contiguous:
        return planes
    out = empty(planes.shape, planes.dtype)

    def task(n: int, start: int, stop: int) -> None:
        out[n, start:stop] = planes[n, start:stop]

    run_strips(task, len(planes), planes.shape[1], COPIED)
    return out
