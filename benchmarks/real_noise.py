"""Crops of real noise side by side: given, denoised with nothing said, OpenCV's non-local means, the truth.

Usage: python -m benchmarks.real_noise CC15 OUT.jpg
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import pkn
from pkn.io.images import read_image

CROPS = {  # row and column of each, by the file's name
    "d800_iso6400_1": (180, 180),
    "5dmark3_iso3200_3": (200, 200),
    "d600_iso3200_1": (150, 250),
    "d800_iso6400_3": (100, 300),
}
SIDE, ENLARGED, H = 150, 2, 5  # px, times, and the h of non-local means that is best on these files


def main(folder: Path, out: Path) -> None:
    rows = []
    for name, (top, left) in CROPS.items():
        noisy, clean = (read_image(folder / f"{name}_{kind}.png").pages[0] for kind in ("noisy", "clean"))
        ours = pkn.denoise(noisy, channel_axis=-1, dtype="same")
        theirs = cv2.fastNlMeansDenoisingColored(noisy, None, H, H)
        crops = [each[top : top + SIDE, left : left + SIDE] for each in (noisy, ours, theirs, clean)]
        rows.append(np.concatenate(crops, axis=1))
    sheet = Image.fromarray(np.concatenate(rows))
    size = (ENLARGED * sheet.width, ENLARGED * sheet.height)
    sheet.resize(size, Image.Resampling.NEAREST).save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
