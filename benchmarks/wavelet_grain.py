"""Grain of faces enlarged 4 times, by where the details stop: python -m benchmarks.wavelet_grain PUBLISHED_DENOISERS

The face is scikit-image's astronaut's; grain is the RMS difference of pixels from the mean of their four neighbours.
"""

import sys
from dataclasses import replace

import numpy as np
import torch
from scipy.ndimage import convolve
from skimage import color, data, transform

import pkn
from pkn.evaluation.metrics import psnr
from pkn.sampling.implicit_prior import ImplicitPriorSettings
from pkn.wavelets.sampling import DETAILS, NOTEBOOK_DETAILS

SIZE, SCALE, SAMPLES = 160, 4, 4
PATCHES = {"wall": (10, 10), "cheek": (75, 60), "hair": (40, 75)}  # row and column of squares of 24 px
SETTINGS = {
    "0.002 of the range, as before": ImplicitPriorSettings(relative=False, sigma_last=0.002, most=2000),
    "0.01 of the details, the default": DETAILS,
    "the same, --beta 0.5": replace(DETAILS, beta=0.5),
    "--notebook": NOTEBOOK_DETAILS,
}


def grain(image: np.ndarray) -> list[float]:
    around = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    rough = image - convolve(image, around, mode="mirror")
    return [float(np.std(rough[row : row + 24, column : column + 24])) for row, column in PATCHES.values()]


def main(folder: str) -> None:
    torch.set_num_threads(1)
    face = transform.resize(color.rgb2gray(data.astronaut()[:240, 100:340]), (SIZE, SIZE), anti_aliasing=True)
    low = face.reshape(SIZE // SCALE, SCALE, SIZE // SCALE, SCALE).mean((1, 3)).astype(np.float32)
    print("|", " | ".join(["stop", *PATCHES, "a sample, dB", f"mean of {SAMPLES}, dB"]), "|")
    print("|", " | ".join(["photograph", *(f"{value:.4f}" for value in grain(face)), "", ""]), "|")
    for name, settings in SETTINGS.items():
        images = pkn.wavelet_super_resolve(low, folder, SAMPLES, rng=0, details=settings)
        values = np.mean([grain(image) for image in images], axis=0)
        scores = np.mean([psnr(image, face) for image in images]), psnr(images.mean(0), face)
        cells = [f"{value:.4f}" for value in values] + [f"{score:.2f}" for score in scores]
        print("|", " | ".join([name, *cells]), "|", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
