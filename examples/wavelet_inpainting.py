"""
A hole, a blur and a coarse face
================================

A face with a hole, a blurred one and a coarse one, by a denoiser's prior. Needs pkn[train] and scikit-image.

Usage: ``python wavelet_inpainting.py FOLDER WEIGHTS``

WEIGHTS is the folder of trained denoisers of github.com/LabForComputationalVision/local-probability-models-of-images,
with ``flat``; they were trained on faces of 160 x 160 pixels, grey. The face here is none of theirs.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from pkn.degradations.linear_operators import BlockMeans, BlurredWaves, Pixels
from pkn.plotting.maps import save_figure
from pkn.sampling.implicit_prior import ImplicitPriorSettings
from pkn.sampling.inverse_problems import constrained_samples
from pkn.wavelets.inference import inference_net
from pkn.wavelets.models import find_flat_model

SIDE, SAMPLES = 160, 4  # px
FEWER_STEPS = ImplicitPriorSettings(h0=0.04, relative=False)  # half the steps of the published 0.01

if len(sys.argv) != 3:
    sys.exit(__doc__)
folder, weights = Path(sys.argv[1]), Path(sys.argv[2])
folder.mkdir(exist_ok=True)

face = Image.fromarray(data.astronaut()[:200, 120:320]).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
clean = np.asarray(face, np.float32) / 255
mask = torch.ones(SIDE, SIDE, dtype=torch.bool)
mask[60:90, 55:85] = False
cases = {"a hole": Pixels(mask), "a blur of 2 px": BlurredWaves((SIDE, SIDE), 2), "means of 4 x 4": BlockMeans(4)}
residual = inference_net(find_flat_model(weights, 43).low, half=True)

figure = Figure(figsize=(12.8, 10), layout="constrained")
for row, (case, measurement) in zip(figure.subplots(len(cases), 4), cases.items(), strict=True):
    measured = measurement.measure(torch.from_numpy(clean)[None, None])
    samples = constrained_samples(residual, measurement, measured, SAMPLES, rng=0, settings=FEWER_STEPS)[:, 0].numpy()
    bare = peak_signal_noise_ratio(clean, measurement.pinv(measured)[0, 0].numpy(), data_range=1)
    print(f"{case}, without a prior: {bare:.2f} dB")
    given = measured if measured.ndim == 4 else measurement.pinv(measured)
    shown = [given[0, 0].numpy(), *samples[:2], samples.mean(0)]
    for axes, name, image in zip(row, (case, "a sample", "another", f"mean of {SAMPLES}"), shown, strict=True):
        figures = "" if name == case else f": {peak_signal_noise_ratio(clean, image, data_range=1):.2f} dB"
        axes.imshow(image, cmap="gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[], title=name + figures)
        print(name + figures)
save_figure(figure, folder / "wavelet_inpainted.png")

# %%
# .. image:: /faces-inverse.jpg
#    :alt: What is known, samples, and their mean
#
# sphinx_gallery_thumbnail_path = 'faces-inverse.jpg'
