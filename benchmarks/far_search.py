"""What pixels beyond the windows would add: `python -m benchmarks.far_search FOLDER [EVERY]`, each EVERY-th photograph.

White noise of 25/255. To the default's result, which counts like so many noisy pixels, the noisy pixels are added that
lie 6 to 16 px away, each by how alike the 7 x 7 pixels around both are in that result: an average of positive weights.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

SIGMA = 25 / 255
NEAR, FAR = 5, 16  # px: the radius of the filter's windows, and of the search
PATCH, SIDE = 7, 200  # px, of compared patches, and of the photographs' corners
WIDTHS = (0.015, 0.025, 0.04)  # root of the mean squared difference of patches at which weights are exp(-1/2)
COUNTS = (30, 100, 300, 1000)  # noisy pixels that the first result counts like


def main(folder: Path, every: int) -> None:
    gains = np.array([gains_of(to_float32(photo)[:SIDE, :SIDE, 0]) for photo in read_folder(folder, 1)[::every]])
    print(f"{len(gains)} photographs of {folder.name}, dB: mean gain (least, most)\n")
    print("| difference of patches | " + " | ".join(f"result counts as {count} px" for count in COUNTS) + " |")
    print("|---" * (1 + len(COUNTS)) + "|")
    for width, here in zip(WIDTHS, gains.transpose(1, 2, 0), strict=True):
        cells = (f"{each.mean():+.3f} ({each.min():+.2f}, {each.max():+.2f})" for each in here)
        print(f"| {width} | {' | '.join(cells)} |")


def gains_of(clean: np.ndarray) -> list[list[float]]:
    """For each width and count."""
    noisy = clean + SIGMA * np.random.default_rng(0).standard_normal(clean.shape, np.float32)
    result = pkn.denoise(noisy)
    before = psnr(result, clean)
    sums, weights = far_sums(result, noisy)
    return [
        [psnr((count * result + total) / (count + weight), clean) - before for count in COUNTS]
        for total, weight in zip(sums, weights, strict=True)
    ]


def far_sums(result: np.ndarray, noisy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of far pixels' weights times their values, and of the weights, (widths, H, W)."""
    height, width = result.shape
    padded = [np.pad(image, FAR, mode="reflect") for image in (result, noisy)]
    sums, weights = np.zeros((2, len(WIDTHS), height, width), np.float32)
    steps = range(-FAR, FAR + 1)
    for dy, dx in ((dy, dx) for dy in steps for dx in steps if max(abs(dy), abs(dx)) > NEAR):
        there, value = (image[FAR + dy :, FAR + dx :][:height, :width] for image in padded)
        difference = uniform_filter(np.square(there - result), PATCH)
        for number, scale in enumerate(WIDTHS):
            weight = np.exp(difference / (-2 * scale**2))
            sums[number] += weight * value
            weights[number] += weight
    return sums, weights


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
