"""Compilation of kernels: one decorator, a disk cache keyed by the sources, arrays on the stack."""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.extending import intrinsic, overload

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LONGEST_WAIT = 120.0  # seconds, for another process that compiles a kernel
STACK_ROWS = 16  # rows of a block that fit: 3 * 4 channels + 1, and some to spare
STACK_SIZE = STACK_ROWS * 128
ALIGNMENT = 64  # bytes, a cache line: vectors that straddle two cost two accesses
# 'contract' permits FMA. 'reassoc' and 'arcp' are left out because results would depend on the vector width and on the
# kernel (so do sums of two products: see `fma` in math.py), and 'nnan' because it deletes NaN checks.
SEMANTICS = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def _load_numba() -> None:
    """Load what kernels are loaded with, but not SciPy's linear algebra: a sixth of a short process.

    Numba only looks whether it is there, which it is; functions that need it load it as ever.
    """
    from numba.np import linalg

    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = look
    arraymath.ensure_blas = look


_load_numba()


def cache_folder() -> tuple[str | None, bool]:
    """The folder of compiled kernels (None if there is no home), and whether it can be written.

    It is named by the digest of all sources (Numba's own key covers only the kernel's own file) and Numba's version (of
    two that share an index, each would throw away what the other compiled). ``NUMBA_CACHE_DIR`` or ``XDG_CACHE_HOME``
    say where it lies.
    """
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
    parts = [numba.__version__.encode(), *(path.read_bytes() for path in sources)]
    digest, folder = hashlib.sha256(b"".join(parts)).hexdigest()[:16], None
    try:
        base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = str(Path(base, "pkn", digest))
        os.makedirs(folder, exist_ok=True)
    except (OSError, RuntimeError):  # a container's user may have no home; elsewhere others might write too
        return folder, False
    return folder, os.access(folder, os.W_OK)


_FOLDER, _WRITABLE = cache_folder()
_CACHE_FOLDER = _FOLDER if _WRITABLE else None


# Called before a kernel is compiled; and processes that compile the kernels of a module, which are waited for.
on_compiling: list[Callable[[], None]] = []
awaited: dict[str, Any] = {}


def cache_is_cold() -> bool:
    """Whether there is a place for compiled kernels with nothing in it yet."""
    return _CACHE_FOLDER is not None and not any(Path(_CACHE_FOLDER).rglob("*.nbi"))


class _KernelCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
    """Numba's cache on disk, except that a damaged file or a full disk costs compiling, not the result.

    Of processes that need a kernel at the same time one compiles it, and the others wait. Numba calls both methods in
    one hold of its compiler lock, so that there is at most one waiting thread in a process.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._held: dict[Any, Any] = {}  # locks of what is being compiled, by signature

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found, process = self._found(sig, target_context), awaited.get(self._py_func.__module__)
        if found is None and process is not None:
            process.wait()
            found = self._found(sig, target_context)
        if found is None:
            lock = self._hold(str(sig))
            found = self._found(sig, target_context)
            if found is None:
                self._held[sig] = lock
                for listener in on_compiling:
                    listener()
            elif lock:
                lock.close()
        return found

    def _hold(self, what: str) -> Any:
        """An open file that nobody else has locked; None where files can't be locked, or after ``LONGEST_WAIT``."""
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        try:
            Path(self._cache_path).mkdir(parents=True, exist_ok=True)
            file = open(Path(self._cache_path, f"{self._py_func.__name__}-{digest}.lock"), "w")  # noqa: SIM115
        except OSError:
            return None
        end = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < end:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file
            except BlockingIOError:
                time.sleep(0.05)
            except (OSError, AttributeError):  # no locks on this file system, or system
                break
        file.close()
        return None

    def _found(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling a cut file raises nearly any type
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        index = self._hold("index")  # of two that write it at once one would be lost
        with suppress(OSError):
            super().save_overload(sig, data)
        for lock in (index, self._held.pop(sig, None)):
            if lock:
                lock.close()


def kernel(function: Callable[..., Any]) -> Any:
    """Compile on the first call: serial, without the GIL, cached on disk if it is writable; x / 0 is NaN or inf."""
    compiled = numba.njit(nogil=True, no_cfunc_wrapper=True, **SEMANTICS)(function)
    if _CACHE_FOLDER is not None:
        previous, numba.config.CACHE_DIR = numba.config.CACHE_DIR, _CACHE_FOLDER
        try:
            compiled._cache = _KernelCache(function)  # as enable_caching() does
        finally:
            numba.config.CACHE_DIR = previous
    return compiled


# LLVM inlines helpers and registered functions; with Numba's own `inline="always"` compiling takes three times longer.
# Helpers are never called from Python, and a fifth of the time goes into what would make that possible.
INLINED = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **SEMANTICS}


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a helper that LLVM inlines into the kernels that call it."""
    return numba.njit(**INLINED)(function)


def spliced(function: Callable[..., Any]) -> Any:
    """Write a helper into the kernels that call it before they are compiled.

    For loops that add to arrays on the stack: inlined by LLVM, the arrays stay in memory, which takes twice as long
    with AVX-512 (and the same time with AVX2).
    """
    return numba.njit(inline="always", **SEMANTICS)(function)


@intrinsic
def _stack(context, like):
    def codegen(context, builder, signature, args):
        stack = cgutils.alloca_once(builder, context.get_data_type(signature.args[0].dtype), size=STACK_SIZE)
        stack.align = ALIGNMENT
        return stack

    return types.CPointer(like.dtype)(like), codegen


def local(unrolled, like, rows, columns):
    """An array (rows, columns) on the stack; on the heap if ``unrolled`` is empty, as its size is then unknown.

    The compiler knows that no other array overlaps the stack. For arrays that might overlap it adds checks to its
    vectorised loops, or doesn't vectorise. (Working on copies of the inputs helped as much, but loads that straddle
    recent stores stall.)
    """
    raise NotImplementedError


@overload(local, jit_options=INLINED)
def _local(unrolled, like, rows, columns):
    if unrolled.count == 0:
        return lambda unrolled, like, rows, columns: np.empty((rows, columns), like.dtype)
    return lambda unrolled, like, rows, columns: carray(_stack(like), (rows, columns))


@inlined
def store(values, count, target, x):
    """Copy ``count`` values to ``target`` from ``x`` on; a slice assignment's shape test takes seconds to compile."""
    part = target[x : x + count]
    for i in range(count):
        part[i] = values[i]
