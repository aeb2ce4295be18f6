"""Strips of rows on a pool of threads of the package's own, and scratch memory for each thread.

Kernels are serial and release the GIL. Compared with Numba's ``parallel=True``, they compile about ten times faster and
need no threading layer (which fails in forked processes and in workers of other pools). Results are bit-identical for
any number of threads, because no strip writes what another one reads.
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
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_pools.clear)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run kernels that this thread calls on this thread alone, for workers of other pools (Dask)."""
    before = _thread.__dict__.get("alone", False)
    _thread.alone = True
    try:
        yield
    finally:
        _thread.alone = before


def thread_count() -> int:
    """How many threads a kernel may use."""
    return 1 if _thread.__dict__.get("alone") else numba.get_num_threads()


def run_strips(task: Callable[[int, int, int], None], batch: int, rows: int, strip: int) -> None:
    """Call ``task(n, start, stop)`` for every strip of about ``strip`` rows of every image.

    Strips run on :func:`thread_count` threads, at least two for each thread unless they would become too small, and as
    many for each: they may have an eighth more rows for that.
    """
    count = thread_count()
    strip = min(strip, max(8, batch * rows // (2 * count)))
    number = -(-rows // (strip + strip // 8))
    strip = -(-rows // (number + -number % count)) if number > count else strip
    strips = [(n, y, min(y + strip, rows)) for n in range(batch) for y in range(0, rows, strip)]
    rest = iter(strips)  # shared by all threads: taking the next strip is atomic under the GIL

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
    """Return scratch memory of the calling thread, reused by name: new pages cost as much as a small window."""
    size = math.prod(shape) * dtype.itemsize
    buffer = _thread.__dict__.get(name)
    if buffer is None or buffer.nbytes < size:
        buffer = _thread.__dict__[name] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)
