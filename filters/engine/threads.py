"""Strips of rows on the project's own threads, and each thread's own memory.

Kernels are serial and release the GIL. Against Numba's ``parallel=True`` this compiles about ten times faster, needs
no threading layer (so no fork and no nested-pool trouble in other people's workers), and gives the same bits for any
number of threads, because a strip never writes what another one reads.
"""

import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

_pools: dict[int, ThreadPoolExecutor] = {}
_thread = threading.local()
if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_pools.clear)


@contextmanager
def one_thread() -> Iterator[None]:
    """Kernels called from this thread run on it alone: for workers of others' pools."""
    before = _thread.__dict__.get("alone", False)
    _thread.alone = True
    try:
        yield
    finally:
        _thread.alone = before


def threads() -> int:
    """How many threads a kernel may use."""
    return 1 if _thread.__dict__.get("alone") else numba.get_num_threads()


def run_strips(task: Callable[[int, int, int], None], batch: int, rows: int, strip: int) -> None:
    """Call ``task(n, start, stop)`` for every strip of at most ``strip`` rows of every image.

    They run on :func:`threads` threads, at least four strips for each if they aren't too small.
    """
    count = threads()
    strip = min(strip, max(8, batch * rows // (4 * count)))
    strips = [(n, y, min(y + strip, rows)) for n in range(batch) for y in range(0, rows, strip)]
    rest = iter(strips)  # which all threads draw from: taking the next one is a single step under the GIL

    def work() -> None:
        for strip in rest:
            task(*strip)

    if count > 1 and count not in _pools:
        _pools[count] = ThreadPoolExecutor(count - 1, thread_name_prefix="pkn")
    helpers = [_pools[count].submit(work) for _ in range(min(count, len(strips)) - 1)]
    try:
        work()
    finally:
        for helper in helpers:
            helper.result()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """The calling thread's own memory, used again and again: fresh pages cost as much as a small window's sums."""
    size = math.prod(shape) * dtype.itemsize
    held = _thread.__dict__.get(name)
    if held is None or held.nbytes < size:
        held = _thread.__dict__[name] = np.empty(size, np.uint8)
    return held[:size].view(dtype).reshape(shape)
