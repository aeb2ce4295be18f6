"""
A face, four times as large
===========================

Four times as large on each side as it came, by a model of details. Needs pkn[train] and scikit-image.

Usage: ``python wavelet_super_resolution.py FOLDER WEIGHTS``

WEIGHTS is the folder of trained denoisers of github.com/LabForComputationalVision/local-probability-models-of-images,
with ``multi_scale``; they were trained on faces of 160 x 160 pixels, grey. The face here is none of theirs.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

import pkn
from pkn.plotting.maps import save_figure

SIDE, SAMPLES = 160, 8  # px
LARGEST_STD = 0.1  # white in the picture of deviations

if len(sys.argv) != 3:
    sys.exit(__doc__)
folder, weights = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(exist_ok=True)

face = Image.fromarray(data.astronaut()[:200, 120:320]).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
clean = np.asarray(face, np.float32) / 255
figure = Figure(figsize=(19, 6.9), layout="constrained")
for row, levels in zip(figure.subplots(2, 6), (1, 2), strict=True):
    low = clean.reshape(SIDE >> levels, 1 << levels, SIDE >> levels, 1 << levels).mean((1, 3))
    found = pkn.wavelet_super_resolve(low, weights, SAMPLES, levels=levels, rng=0, half=True, return_std=True)
    shown = {
        "clean": clean,
        f"means of {1 << levels} x {1 << levels}": low,
        "bicubic": np.asarray(Image.fromarray(low).resize((SIDE, SIDE), Image.Resampling.BICUBIC)),
        "a sample": found.samples[0],
        f"mean of {SAMPLES} samples": found.mean,
    }
    for axes, (name, image) in zip(row[:-1], shown.items(), strict=True):
        known = image is clean or image is low
        figures = "" if known else f": {peak_signal_noise_ratio(clean, image, data_range=1):.2f} dB"
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], title=name + figures)
        print(name + figures)
    # Were the samples the posterior's, the mean's error would be as large as their deviation, and their number's part.
    error = (found.mean - clean) / found.std.clip(1e-6) / (1 + 1 / SAMPLES) ** 0.5
    covered = np.mean(np.abs(error) < 2)
    rms = np.sqrt(np.mean((found.mean - clean) ** 2) / np.mean(found.std**2) / (1 + 1 / SAMPLES))
    print(f"error of the mean over its deviation: {rms:.2f} (RMS); {covered:.0%} of pixels within two deviations")
    row[-1].imshow(found.std, cmap="gray", vmin=0, vmax=LARGEST_STD)
    row[-1].set(xticks=[], yticks=[], title=f"deviation, 0 to {LARGEST_STD}")
save_figure(figure, folder / "wavelet_super_resolved.png")

# %%
# .. image:: /faces-super-resolved.jpg
#    :alt: Small, enlarged by bicubic interpolation and by samples
#
# sphinx_gallery_thumbnail_path = 'faces-super-resolved.jpg'
