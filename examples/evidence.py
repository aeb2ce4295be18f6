"""What can be said of a denoised photograph: its maps in plain units, why a pixel is what it is, a certificate.

Needs scikit-image, for the photograph.
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

readable = maps.readable(noisy)
figure = Figure(figsize=(17, 4.3), layout="constrained")
for axes, (name, derived) in zip(figure.subplots(1, len(readable)), readable.items(), strict=True):
    draw_readable(axes, name, derived)
    print(f"{name}: median {np.nanmedian(derived.values):.3g} {derived.unit}")
save_figure(figure, folder / "plain-units.png")

why = maps.explain(noisy, (80, 200))
print(why)
save_figure(why.plot(noisy), folder / "why-this-pixel.png")

face = np.zeros(clean.shape, bool)
face[60:140, 190:270] = True
print(pkn.certify(noisy, maps.apply(noisy), maps, region=face))
