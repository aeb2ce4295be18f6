"""What the mean over an image's eight flips and rotations would gain over one pass.

Usage: python -m benchmarks.symmetry FOLDER [NET]
"""

import sys
from pathlib import Path

import numpy as np

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

LEVELS = (15, 25, 50)


def main(folder: Path, net: str = "any-noise") -> None:
    photos = [to_float32(photo)[..., 0] for photo in read_folder(folder, 1)]
    for level in LEVELS:
        scores = []
        for index, clean in enumerate(photos):
            noise = np.random.default_rng(index).standard_normal(clean.shape, np.float32)
            noisy = clean + np.float32(level / 255) * noise
            results = [restored(noisy, turns, flipped, net) for turns in range(4) for flipped in (False, True)]
            scores.append((psnr(results[0], clean), psnr(np.mean(results, axis=0), clean)))
        one, eight = np.mean(scores, axis=0)
        print(
            f"noise {level}/255: one pass {one:.2f} dB, mean of eight {eight:.2f} dB, {len(photos)} images", flush=True
        )


def restored(image: np.ndarray, turns: int, flipped: bool, net: str) -> np.ndarray:
    """The result of the image turned and flipped, turned back."""
    turned = np.rot90(image, turns)
    result = pkn.denoise(turned[::-1] if flipped else turned, net)
    return np.rot90(result[::-1] if flipped else result, -turns)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
