"""
A face, denoised scale by scale
===============================

A face in strong noise, denoised at once and scale by scale. Needs pkn[train] and scikit-image.

Usage: ``python wavelet_denoise.py FOLDER WEIGHTS``

WEIGHTS is the folder of trained denoisers of github.com/LabForComputationalVision/local-probability-models-of-images,
with ``flat`` and ``multi_scale``; they were trained on faces of 160 x 160 pixels, grey.
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
from pkn.wavelets.models import find_flat_model, find_wavelet_model

SIDE, SIGMA = 160, 200 / 255  # px; of the range

if len(sys.argv) != 3:
    sys.exit(__doc__)
folder, weights = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(exist_ok=True)

face = Image.fromarray(data.astronaut()[:200, 120:320]).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
clean = np.asarray(face) / 255
noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)
shown = {
    "clean": clean,
    "noisy": noisy,
    "flat, 43 px": pkn.wavelet_denoise(noisy, find_flat_model(weights, 43)),
    "multi-scale, 13 px": pkn.wavelet_denoise(noisy, find_wavelet_model(weights, 13)),
}

figure = Figure(figsize=(12.8, 3.6), layout="constrained")
for axes, (name, image) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
    figures = "" if name == "clean" else f": {peak_signal_noise_ratio(clean, image, data_range=1):.2f} dB"
    axes.imshow(image, cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[], title=name + figures)
    print(name + figures)
save_figure(figure, folder / "wavelet_denoised.png")

# %%
# .. image:: /wavelet-denoised.jpg
#    :alt: A face, noisy, denoised at once and scale by scale
#
# sphinx_gallery_thumbnail_path = 'wavelet-denoised.jpg'
