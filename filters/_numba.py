"""How every kernel is compiled and run: one decorator, a disk cache keyed by the sources, row strips on threads.

Kernels are serial and release the GIL; threads are ours. Against `parallel=True` this compiles about ten times
faster, needs no threading layer (so no fork and no nested-pool trouble in other people's workers), and gives the same
bits for any number of threads, because a strip never writes what another one reads.
"""

import hashlib
import math
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

STACK_ROWS = 16  # of a block: 3 * 4 channels + 1 and more
STACK_SIZE = STACK_ROWS * 128
# 'contract' gives FMA. 'reassoc' and 'arcp' stay out, because bits would change with the vector width and from kernel
# to kernel (sums of two products do that too: see `fma`); 'nnan', because it deletes NaN checks.
FASTMATH = {"contract", "nsz"}


def _cache_folder() -> str | None:
    """A folder named by the digest of all sources, because Numba's own key sees only the file a kernel stands in."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "pkn", digest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


_CACHE_FOLDER = _cache_folder()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile on first call: serial, without the GIL, cached on disk where the disk lets us; x / 0 is NaN or inf."""
    previous, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _CACHE_FOLDER or ""
    try:
        return numba.njit(nogil=True, fastmath=FASTMATH, error_model="numpy", cache=_CACHE_FOLDER is not None)(function)
    finally:
        numba.config.CACHE_DIR = previous


# LLVM inlines helpers and plugged-in functions; Numba's own `inline="always"` compiles three times longer.
INLINED = {"forceinline": True, "fastmath": FASTMATH, "error_model": "numpy"}


def inlined(function: Callable[..., Any]) -> Any:
    """A helper that is pasted into the kernels that call it."""
    return numba.njit(**INLINED)(function)


_pools: dict[int, ThreadPoolExecutor] = {}
_thread = threading.local()
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


def _bitcast(source: Any, target: Any, target_ir: Any) -> Any:
    """An intrinsic that reads a number's bits as another type's."""

    @intrinsic
    def cast(context, value):
        return target(source), lambda _, builder, __, args: builder.bitcast(args[0], target_ir)

    return cast


_float32_of_bits = _bitcast(types.int32, types.float32, ir.FloatType())
_bits_of_float32 = _bitcast(types.float32, types.int32, ir.IntType(32))
_float64_of_bits = _bitcast(types.int64, types.float64, ir.DoubleType())
_bits_of_float64 = _bitcast(types.float64, types.int64, ir.IntType(64))


@intrinsic
def _stack(context, like):
    def codegen(context, builder, signature, args):
        return cgutils.alloca_once(builder, context.get_data_type(signature.args[0].dtype), size=STACK_SIZE)

    return types.CPointer(like.dtype)(like), codegen


@intrinsic
def fma(context, a, b, c):
    """Compute a * b + c, rounded once: of a * b + c * d a compiler may fuse either product, in each kernel another."""

    def codegen(_, builder, __, args):
        return builder.fma(*args)

    return (a(a, b, c) if a == b == c else None), codegen


def local(lanes, like, rows, columns):
    """An array (rows, columns) on the stack; on the heap if ``lanes`` is empty, for then its size isn't known.

    Nothing else can point to the stack, and the compiler knows: with several arrays that might overlap it guards its
    vectors, or gives them up. (Copies of what is read served as well, but loads that straddle fresh stores stall.)
    """
    raise NotImplementedError


@overload(local, jit_options=INLINED)
def _local(lanes, like, rows, columns):
    if lanes.count == 0:
        return lambda lanes, like, rows, columns: np.empty((rows, columns), like.dtype)
    return lambda lanes, like, rows, columns: carray(_stack(like), (rows, columns))


def exp2(x):
    """2^x for x <= 0 (and up to 100); 0 below the smallest normal number. Relative error under 2e-7, float64 1e-15.

    Adding 1.5 * 2^mantissa (+ the exponent's bias) rounds x to an integer and leaves that integer's exponent bits at
    the bottom of the word; the rest, in [-1/2, 1/2], goes through a minimax fit of 2^x (float64: the Taylor series).
    Adds, multiplies and one shift, all of which a compiler vectorises: five times the speed of the library's exp2.
    """
    raise NotImplementedError


_C32 = tuple(np.float32(c) for c in (1, 0.6931470633, 0.2402221709, 0.0555061586, 0.0096729267, 0.0013302042))
_LOW32, _MAGIC32 = np.float32(-127), np.float32(1.5 * 2**23 + 127)
_LOW64, _MAGIC64 = np.float64(-1023), np.float64(1.5 * 2**52 + 1023)
_C64 = tuple(float(np.log(2) ** k / np.prod(np.arange(1, k + 1, dtype=float))) for k in range(14))


@overload(exp2, jit_options=INLINED)
def _exp2(x):
    if x == types.float32:

        def single(x):
            x = x if x > _LOW32 else _LOW32
            t = x + _MAGIC32
            r = x - (t - _MAGIC32)
            p = ((((_C32[5] * r + _C32[4]) * r + _C32[3]) * r + _C32[2]) * r + _C32[1]) * r + _C32[0]
            return p * _float32_of_bits(np.int32(_bits_of_float32(t) << np.int32(23)))

        return single

    def double(x):
        x = x if x > _LOW64 else _LOW64
        t = x + _MAGIC64
        r = x - (t - _MAGIC64)
        p = ((_C64[13] * r + _C64[12]) * r + _C64[11]) * r + _C64[10]
        p = (((p * r + _C64[9]) * r + _C64[8]) * r + _C64[7]) * r + _C64[6]
        p = (((p * r + _C64[5]) * r + _C64[4]) * r + _C64[3]) * r + _C64[2]
        p = (p * r + _C64[1]) * r + _C64[0]
        return p * _float64_of_bits(_bits_of_float64(t) << np.int64(52))

    return double
