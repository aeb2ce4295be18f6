"""How every kernel is compiled: one decorator, a disk cache keyed by the sources, arrays on the stack."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

STACK_ROWS = 16  # of a block: 3 * 4 channels + 1 and more
STACK_SIZE = STACK_ROWS * 128
# 'contract' gives FMA. 'reassoc' and 'arcp' stay out, because bits would change with the vector width and from kernel
# to kernel (sums of two products do that too: see `fma` in math.py); 'nnan', because it deletes NaN checks.
FASTMATH = {"contract", "nsz"}


def _cache_folder() -> str | None:
    """A folder named by the digest of all sources, because Numba's own key sees only the file a kernel stands in."""
    sources = sorted(Path(__file__).parents[1].rglob("*.py"))
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


@intrinsic
def _stack(context, like):
    def codegen(context, builder, signature, args):
        return cgutils.alloca_once(builder, context.get_data_type(signature.args[0].dtype), size=STACK_SIZE)

    return types.CPointer(like.dtype)(like), codegen


def local(unrolled, like, rows, columns):
    """An array (rows, columns) on the stack; on the heap if ``unrolled`` is empty, for then its size isn't known.

    Nothing else can point to the stack, and the compiler knows: with several arrays that might overlap it guards its
    vectors, or gives them up. (Copies of what is read served as well, but loads that straddle fresh stores stall.)
    """
    raise NotImplementedError


@overload(local, jit_options=INLINED)
def _local(unrolled, like, rows, columns):
    if unrolled.count == 0:
        return lambda unrolled, like, rows, columns: np.empty((rows, columns), like.dtype)
    return lambda unrolled, like, rows, columns: carray(_stack(like), (rows, columns))
