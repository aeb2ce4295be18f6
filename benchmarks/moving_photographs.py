"""Photographs that move by a known fraction of a pixel a frame: ``python -m benchmarks.moving_photographs FOLDER [N]``.

Eight frames of each photograph with white noise of 25/255, cut from it after an exact shift (by phases of its Fourier
transform). Means of PSNR, dB: each frame by itself, with its neighbours in time, with those before it alone; and of the
two middle frames, beside OpenCV's ``fastNlMeansDenoisingMulti`` at its best ``h`` for each photograph.
"""

import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import fourier_shift

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

SIGMA, FRAMES, MARGIN = 25 / 255, 8, 16
STRENGTHS = (18, 22, 26, 30)  # of non-local means
MIDDLE = [FRAMES // 2 - 1, FRAMES // 2]


def moving(photo: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Frames (8, H, W) of a photograph (H, W) that moves by ``step`` (rows, columns) px a frame."""
    spectrum = np.fft.fft2(np.pad(photo, MARGIN, mode="reflect"))
    frames = []
    for n in range(FRAMES):
        shifted = np.fft.ifft2(fourier_shift(spectrum, (n - (FRAMES - 1) / 2) * step)).real
        frames.append(shifted[2 * MARGIN : -2 * MARGIN, 2 * MARGIN : -2 * MARGIN])
    return np.stack(frames).clip(0, 1)


def mean_psnr(result: np.ndarray, clean: np.ndarray) -> float:
    """Over frames, dB."""
    return float(np.mean([psnr(*pair) for pair in zip(result, clean, strict=True)]))


def opencv(noisy: np.ndarray, clean: np.ndarray) -> float:
    """Of the middle frames, each from seven, at the best strength."""
    frames, best = list((255 * noisy).clip(0, 255).round().astype(np.uint8)), -np.inf
    for h in STRENGTHS:
        results = [cv2.fastNlMeansDenoisingMulti(frames, n, 7, None, h, 7, 21) / 255 for n in MIDDLE]
        best = max(best, mean_psnr(np.stack(results), clean[MIDDLE]))
    return best


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None
    random, rows = np.random.default_rng(0), []
    for photo in read_folder(folder, 1)[:number]:
        clean = moving(to_float32(photo)[..., 0], random.uniform(-2, 2, 2))
        noisy = (clean + SIGMA * random.standard_normal(clean.shape)).astype(np.float32)
        alone, together, causal = (
            pkn.denoise(noisy, **axis)  # type: ignore[arg-type]
            for axis in ({"stack_axes": 0}, {"time_axis": 0}, {"time_axis": 0, "causal": True})
        )
        whole = [mean_psnr(each, clean) for each in (alone, together, causal)]
        middle = [mean_psnr(each[MIDDLE], clean[MIDDLE]) for each in (alone, together)]
        rows.append([*whole, *middle, opencv(noisy, clean)])
        print(", ".join(f"{value:.2f}" for value in rows[-1]), flush=True)
    means = np.mean(rows, axis=0)
    names = ("each by itself", "with neighbours", "with those before", "middle, by itself", "middle", "OpenCV, middle")
    print(f"{len(rows)} photographs: " + ", ".join(f"{n} {v:.2f}" for n, v in zip(names, means, strict=True)))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
