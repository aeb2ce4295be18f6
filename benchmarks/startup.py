"""Whole processes: import, and a first denoise with a cold and a warm kernel cache. `python benchmarks/startup.py`."""

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


def main() -> None:
    times = [float(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(5)]
    print(f"import pkn: {np.median(times) * 1e3:.1f} ms")
    with tempfile.TemporaryDirectory() as cache:
        print(f"process that denoises 512 x 512 grey: {seconds(DENOISE, cache):.2f} s with an empty kernel cache")
        print(f"the same with a warm cache: {np.median([seconds(DENOISE, cache) for _ in range(5)]):.2f} s")


if __name__ == "__main__":
    main()
