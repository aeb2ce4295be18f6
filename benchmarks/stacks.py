"""Time of windows of several planes against one plane: ``python -m benchmarks.stacks``.

One thread, planes of 1 megapixel; processor time, the least of some runs in turn. The ratio of taps is that of planes.
"""

import time
from dataclasses import replace
from typing import Any

import numba
import numpy as np

from pkn.filters import AnisotropicBilateral, Bilateral, Filter, IsotropicGaussian, NonLocalMeans

SIDE, PLANES, RUNS = 1024, 4, 5
FILTERS: tuple[Filter, ...] = (Bilateral(5), IsotropicGaussian(5), AnisotropicBilateral(5), NonLocalMeans(5))


def seconds(flt: Filter, stack: np.ndarray, maps: Any) -> float:
    begin = time.process_time()
    flt.forward(stack, maps, keep=False)
    return (time.process_time() - begin) / len(stack)


def draw_maps(flt: Filter, random: np.random.Generator, stack: np.ndarray) -> Any:
    drawn = {name: np.full((SIDE, SIDE), 0.0 if name == "rho" else r.high / 8) for name, r in flt.ranges.items()}
    return flt.check_maps((), {name: m * random.uniform(0.9, 1.1, m.shape) for name, m in drawn.items()}, stack)


def main() -> None:
    numba.set_num_threads(1)
    random = np.random.default_rng(0)
    stack = random.random((PLANES, 1, SIDE, SIDE)).astype(np.float32)
    print("filter | s/MP, one plane | three planes | over the ratio of taps")
    for flat in FILTERS:
        deep = replace(flat, radius_z=1, border_z="wrap")
        pair = [(flt, draw_maps(flt, random, stack)) for flt in (flat, deep)]
        times = np.array([[seconds(flt, stack, maps) for flt, maps in pair] for _ in range(RUNS + 1)])[1:].min(0)
        print(f"{type(flat).__name__} | {times[0]:.4f} | {times[1]:.4f} | {times[1] / times[0] / 3:.3f}")


if __name__ == "__main__":
    main()
