"""
Look into the filter
====================

Maps as pictures and data, one pixel's weights, an edit: ``python export_maps.py [FOLDER]``.
"""

import sys
from pathlib import Path

import numpy as np
from skimage import data

import pkn

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
photo = data.camera()
noisy = photo / np.float32(255) + np.random.default_rng(0).normal(0, 0.1, photo.shape).astype(np.float32)

maps = pkn.predict_maps(noisy, net="bilateral")
print(maps)

# %%
# All maps have units; as pictures they are white where more is averaged.
maps.to_png(folder)  # a picture of each map, with a colour bar
maps.save(folder / "maps.npz")  # replays bit for bit: pkn.ParameterMaps.load("maps.npz").apply(noisy)
maps.save(folder / "maps.tif")  # float pages for ImageJ, napari, ...

# %%
# The exact weights behind one output pixel are positive and sum to 1.
weights = maps.kernel_at(noisy, (200, 260))
print(f"the output at (200, 260) is a mean of {weights.size} pixels; the largest weight is {weights.max():.3f}")

# %%
# Maps are arrays: edited in place, and applied again.
maps["sigma_range"][:, 256:] *= 2  # smooth the right half more
edited, predicted = (image[:, 256:].std() for image in (maps.apply(noisy), pkn.denoise(noisy, net="bilateral")))
print(f"there, edited: {edited:.4f}, as predicted: {predicted:.4f} (standard deviation)")
