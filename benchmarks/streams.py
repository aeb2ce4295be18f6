"""Frames a second of ``pkn.stream``: ``python -m benchmarks.streams [--size 480 640] [--frames 60]``.

A photograph's part that moves by a fraction of a pixel a frame, 8 bits, with white noise of 15/255. Beside it, in turn,
``pkn.denoise`` of single frames.
"""

import argparse
import time
from collections.abc import Callable, Iterable

import numpy as np
from scipy.ndimage import gaussian_filter

import pkn

NOISE, ROUNDS = 15, 3


def film(size: tuple[int, int], number: int) -> list[np.ndarray]:
    """Frames of a scene that moves by half a pixel a frame, interpolated linearly."""
    random = np.random.default_rng(0)
    wide = random.random((size[0] + number, size[1] + number))
    scene = sum(gaussian_filter(wide, width) * width for width in (1, 4, 16))
    scene = 40 + 170 * (scene - scene.min()) / np.ptp(scene)
    frames = []
    for n in range(number):
        at, part = divmod(n, 2)
        rows, columns = slice(at, at + size[0]), slice(at, at + size[1])
        still = scene[rows, columns]
        moved = still if not part else (still + scene[at + 1 : at + 1 + size[0], at + 1 : at + 1 + size[1]]) / 2
        frames.append((moved + NOISE * random.standard_normal(size)).clip(0, 255).astype(np.uint8))
    return frames


def frames_per_second(results: Callable[[], Iterable[np.ndarray]]) -> float:
    begin = time.perf_counter()
    number = sum(1 for _ in results())
    return number / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640))
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    frames = film(tuple(options.size), options.frames)
    ways: dict[str, Callable[[], Iterable[np.ndarray]]] = {
        "single frames": lambda: (pkn.denoise(frame, dtype="same") for frame in frames),
        **{
            f"stream, {n} neighbours": lambda n=n: pkn.stream(frames, neighbours=n, dtype="same")  # type: ignore[misc]
            for n in (1, 2, 3)
        },
        "stream": lambda: pkn.stream(frames, dtype="same"),
    }
    for way in ways.values():
        frames_per_second(way)
    speeds = {name: max(frames_per_second(way) for _ in range(ROUNDS)) for name, way in ways.items()}
    for name, speed in speeds.items():
        print(f"{name}: {speed:.1f} frames/s, {speed / speeds['single frames']:.2f} times single frames")


if __name__ == "__main__":
    main()
