"""
Why a pixel is what it is
=========================

What can be said of a denoised photograph: its maps in plain units, one pixel explained, a certificate.

``python evidence.py [FOLDER]``. Needs scikit-image, for the photograph.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from skimage import data

import pkn
from pkn.plotting.maps import draw_readable, save_figure

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
clean = data.camera() / 255
noisy = (clean + np.random.default_rng(0).normal(0, 25 / 255, clean.shape)).astype(np.float32)
maps = pkn.predict_maps(noisy)

# %%
# What the filter does at each pixel, in plain units.
readable = maps.readable(noisy)
figure = Figure(figsize=(17, 4.3), layout="constrained")
for axes, (name, derived) in zip(figure.subplots(1, len(readable)), readable.items(), strict=True):
    draw_readable(axes, name, derived)
    print(f"{name}: median {np.nanmedian(derived.values):.3g} {derived.unit}")
save_figure(figure, folder / "plain-units.png")

# %%
# Why one pixel is what it is: its weights, over the image, and the map that decides.
why = maps.explain(noisy, (80, 200))
print(why)
save_figure(why.plot(noisy), folder / "why-this-pixel.png")

# %%
# A certificate: no value leaves the range of what it was made of.
face = np.zeros(clean.shape, bool)
face[60:140, 190:270] = True
print(pkn.certify(noisy, maps.apply(noisy), maps, region=face))
