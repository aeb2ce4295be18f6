"""
Count spots with dask-image
===========================

``python dask_image_spots.py [FOLDER]`` writes FOLDER/spots.png. Needs dask-image (pip install dask-image).

Frames are read, denoised, thresholded and labelled one by one: lazy from the first step to the last.
"""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

import pkn
from pkn.io.images import ImageFile, write_image

if not find_spec("dask_image"):
    print("dask-image isn't installed, nothing done: pip install dask-image")
    sys.exit()
from dask_image.imread import imread
from dask_image.ndmeasure import label

folder, random = Path(sys.argv[1] if len(sys.argv) > 1 else "."), np.random.default_rng(0)
SIZE, SPOTS, WIDTH, LEVEL = (192, 256), 24, 4.0, 25  # px, in each frame, px, counts above the offset


def frame() -> np.ndarray:
    """Counts of spots that don't touch, with an offset of 100."""
    seeds, places = np.zeros(SIZE), random.choice(6 * 8, SPOTS, replace=False)
    seeds[16 + 32 * (places // 8), 16 + 32 * (places % 8)] = 2 * np.pi * WIDTH**2
    return (100 + random.poisson(40 * gaussian_filter(seeds, WIDTH) + 8)).astype(np.uint16)


with tempfile.TemporaryDirectory() as written:
    tifffile.imwrite(Path(written) / "frames.tif", np.stack([frame() for _ in range(3)]), photometric="minisblack")
    frames = imread(f"{written}/frames.tif")
    clean = pkn.denoise(frames, stack_axes=0, dtype="same")
    for name, images in (("as they are", frames), ("denoised", clean)):
        found = [label(image > 100 + LEVEL)[1].compute() for image in images]
        print(f"spots in frames {name}: {', '.join(map(str, found))}; there are {SPOTS} in each")
    shown = np.hstack([np.asarray(images[0]) for images in (frames, clean)])
write_image(folder / "spots.png", ImageFile((np.uint8(np.clip((shown - 95.0) * 3, 0, 255)),)))
