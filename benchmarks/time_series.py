"""Frames of one scene as a time series: ``python -m benchmarks.time_series FOLDER`` with ``noisy/`` and ``clean/``.

Means over the frames of PSNR, dB: as it is; and after the best gain and offset for each result, which tells noise from
a brightness that differs between noisy and clean files. Each frame by itself, and with 1, 3, 5 and 9 neighbours to
either side.
"""

import sys
from pathlib import Path

import numpy as np

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32


def matched(result: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """The result with the gain and offset that bring it nearest to the clean frame."""
    terms = np.stack([result.ravel(), np.ones(result.size)], axis=1)
    return np.asarray((terms @ np.linalg.lstsq(terms, clean.ravel())[0]).reshape(clean.shape))


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
        pairs = list(zip(result, clean, strict=True))
        after = [psnr(matched(*pair), pair[1]) for pair in pairs]
        print(f"{name} | {np.mean([psnr(*pair) for pair in pairs]):.2f} | {np.mean(after):.2f}")
    shift = 255 * (clean.mean() - noisy.mean())
    print(f"clean files are on average {shift:+.1f}/255 from noisy ones")


if __name__ == "__main__":
    main()
