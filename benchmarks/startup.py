"""Whole processes: import, and a first denoise with a cold and a warm kernel cache."""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

IMPORT = "import time; t = time.perf_counter(); import pkn; print(time.perf_counter() - t)"
DENOISE = "import numpy, pkn; pkn.denoise(numpy.random.default_rng(0).random((512, 512), numpy.float32))"


def seconds(code: str, cache: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True)
    return time.perf_counter() - begin


def startup() -> dict[str, float]:
    """Seconds: import; a whole process that denoises, with an empty and a warm kernel cache."""
    times = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(5)]
    with tempfile.TemporaryDirectory() as cache:
        cold = seconds(DENOISE, cache)
        warm = float(np.median([seconds(DENOISE, cache) for _ in range(5)]))
    return {"import": float(np.median(times)), "denoise, cold cache": cold, "denoise, warm cache": warm}
