"""Frames of one scene as a time series: ``python -m benchmarks.time_series FOLDER`` with ``noisy/`` and ``clean/``.

Means over the frames of PSNR, dB: as it is; and after the best gain and offset for each result, which tells noise from
a brightness that differs between noisy and clean files. Each frame by itself, and with 1, 3, 5 and 9 neighbours to
either side.
"""

import sys
from pathlib import Path

import numpy as np

import pkn
from pkn.io.folders import read_folder, to_float32


def psnr(result: np.ndarray, clean: np.ndarray, matched: bool) -> float:
    if matched:
        terms = np.stack([result.ravel(), np.ones(result.size)], axis=1)
        result = (terms @ np.linalg.lstsq(terms, clean.ravel())[0]).reshape(clean.shape)
    return float(-10 * np.log10(np.mean((result - clean) ** 2)))


def main() -> None:
    folder = Path(sys.argv[1])
    noisy, clean = (
        np.stack([to_float32(image)[..., 0] for image in read_folder(folder / part, 1)]) for part in ("noisy", "clean")
    )
    results = {"noisy": noisy, "each by itself": pkn.denoise(noisy, stack_axes=0)}
    for neighbours in (1, 3, 5, 9):
        results[f"{neighbours} neighbours"] = pkn.denoise(noisy, time_axis=0, neighbours=neighbours)
    print("way | PSNR | after gain and offset")
    for name, result in results.items():
        scores = [np.mean([psnr(*pair, m) for pair in zip(result, clean, strict=True)]) for m in (False, True)]
        print(f"{name} | {scores[0]:.2f} | {scores[1]:.2f}")
    shift = 255 * (clean.mean() - noisy.mean())
    print(f"clean files are on average {shift:+.1f}/255 from noisy ones")


if __name__ == "__main__":
    main()
