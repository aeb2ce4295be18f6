"""What the last bits of results depend on."""

import platform
from functools import cache

import numpy as np

from pkn.evidence.hashes import of_pixels
from pkn.filters import Bilateral


def describe_machine() -> dict[str, str]:
    """Processor and libraries, and how a small image comes out of a filter."""
    import numba

    return {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "rounding": _rounding(),
    }


@cache
def _rounding() -> str:
    numbers = (np.arange(24 * 40) * 7919 % 1009 / np.float32(1009)).reshape(24, 40).astype(np.float32)
    return of_pixels(Bilateral(3)(numbers, 1.3, 0.2))[:16]
