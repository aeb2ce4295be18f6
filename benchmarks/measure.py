"""Timing pairs in turn; memory; and the machine's own limit."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numba
import numpy as np
import torch

from benchmarks.table import Pair
from pkn.filters.engine.compile import kernel
from pkn.filters.engine.math import fma

RUNS, PATIENCE = 3, 8.0  # pairs, and seconds after which no further ones are begun
PAGE = 4096


def measure_pair(pair: Pair, image: np.ndarray, megapixels: float, threads: int, peak: float) -> dict[str, Any]:
    """Medians in ms/MP, the median of ratios pair by pair, taps per second, share of the peak, memory in MB."""
    numba.set_num_threads(threads)
    cv2.setNumThreads(threads)
    torch.set_num_threads(threads)
    ours = pair.ours(image)
    theirs = pair.theirs(image) if megapixels <= pair.largest else None
    memory = peak_memory(ours)  # the first call, which compiles
    memory = min(memory, peak_memory(ours))
    times, begin = [], time.perf_counter()
    while len(times) < RUNS and (not times or time.perf_counter() - begin < PATIENCE):
        times.append((seconds(ours), seconds(theirs) if theirs else np.nan))
    taken = np.array(times)
    mine, baseline = np.median(taken, 0)
    channels = 1 if image.ndim == 2 else image.shape[-1]
    rate = float(pair.taps * megapixels / 1e3 / mine) if pair.taps else None
    return {
        "name": pair.name,
        "baseline": pair.baseline,
        "megapixels": megapixels,
        "channels": channels,
        "threads": threads,
        "ours": float(1e3 * mine / megapixels),
        "theirs": float(1e3 * baseline / megapixels) if theirs else None,
        "ratio": float(np.median(taken[:, 1] / taken[:, 0])) if theirs else None,
        "gigataps": rate,
        "share": rate * (pair.operations + 4 * (channels - 1)) / peak if rate else None,
        "memory": memory,
    }


def seconds(call: Callable[[], Any]) -> float:
    """What a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def peak_memory(call: Callable[[], Any]) -> float:
    """Megabytes of resident memory that a call takes at most, above what was there (its result included)."""
    done, most = threading.Event(), [0.0]
    before = _resident()

    def watch() -> None:
        while not done.is_set():
            most[0] = max(most[0], _resident() - before)
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return most[0]


def _resident() -> float:
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * PAGE / 1e6 if path.exists() else float("nan")


def multiply_add_peak(threads: int) -> float:
    """Billions of float32 multiply-adds per second of a loop that does nothing else."""
    start = np.ones((threads, 8 * 16), np.float32)
    rounds = 2_000_000

    def run() -> None:
        workers = [threading.Thread(target=_multiply_add, args=(row, rounds)) for row in start]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    run()
    return threads * rounds * start.shape[1] / min(seconds(run) for _ in range(5)) / 1e9


@kernel
def _multiply_add(values, rounds):
    half, small = values.dtype.type(0.5), values.dtype.type(1e-3)
    acc = np.empty(128, values.dtype)
    acc[:] = values
    for _ in range(rounds):
        for i in range(128):
            acc[i] = fma(acc[i], half, small)
    values[:] = acc
