"""
Undo a blur
===========

``python deconvolve.py [FOLDER]`` writes FOLDER/deconvolved.png, a grid of images and maps.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn
from pkn.filters import absolute_weights
from pkn.plotting.maps import plot_sheet, save_figure
from pkn.restoration.deconvolution import prepared

BLUR, NOISE = 1.5, 2 / 255  # px, image values

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
sharp = data.camera() / np.float32(255)
noise = np.random.default_rng(0).normal(0, NOISE, sharp.shape)
blurred = (gaussian_filter(sharp, BLUR) + noise).astype(np.float32)

given, left = prepared(blurred)  # with less noise
maps = pkn.predict_maps(given, "reblur", sigma=left)  # by a network, which estimates the blur
pictures = {
    "blurred, noisy": blurred,
    "network": pkn.deconvolve(blurred),  # the same as maps.apply(given)
    "no network, blur known": pkn.deconvolve(blurred, blur=BLUR),
    "no network, blur estimated": pkn.deconvolve(blurred, blur="estimate"),
    "original": sharp,
}
for name, picture in list(pictures.items())[:-1]:
    print(f"{name}: {-10 * np.log10(np.mean((picture - sharp) ** 2)):.2f} dB")
# %%
# The blur, estimated from the image, and how much errors may grow: the sum of the weights' absolute values.
row, column = np.sqrt(np.diag(pkn.estimate_blur(blurred)))
print(f"estimated blur: {row:.2f} px down, {column:.2f} px across; it was {BLUR} px")
sums = absolute_weights(maps.filter, given, *maps.values(), passes=1)
print(f"sum of absolute weights: {np.nanmean(sums):.2f} on average, at most {np.nanmax(sums):.2f}")
save_figure(plot_sheet(pictures, maps), folder / "deconvolved.png")
