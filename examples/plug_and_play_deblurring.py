"""
Undo a motion blur twice: with deepinv's plug and play
======================================================

``python plug_and_play_deblurring.py [FOLDER]`` writes FOLDER/plug_and_play.png. Needs deepinv (pip install deepinv).

A known motion blur is undone by pkn.deconvolve, and by deepinv's plug and play with pkn's denoiser as prior.

pkn.deconvolve is one Wiener filter and one denoising; DPIR (half-quadratic splitting, Zhang et al. 2021) alternates
eight times between the data and the denoiser, which is told a falling noise level.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import convolve, gaussian_filter
from skimage import data

import pkn
from pkn.io.images import ImageFile, write_image
from pkn.nets import Denoiser

NOISE, REACH, BORDER = 2 / 255, 10, 20  # image values, px of the kernel from its centre, px that aren't compared


def shaking_hand(random: np.random.Generator) -> np.ndarray:
    """A kernel along a smooth random walk."""
    walk = np.cumsum(gaussian_filter(random.standard_normal((200, 2)), (8, 0)), axis=0)
    walk = 2.5 * (walk - walk.mean(0)) / np.linalg.norm(walk.std(0))
    edges = np.arange(2 * REACH + 2) - REACH - 0.5
    kernel = gaussian_filter(np.histogram2d(*walk.T, bins=(edges, edges))[0], 0.4)
    return np.float32(kernel / kernel.sum())


def psnr(image: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((image - sharp)[BORDER:-BORDER, BORDER:-BORDER] ** 2)))


if not find_spec("deepinv"):
    print("deepinv isn't installed, nothing done: pip install deepinv")
    sys.exit()
import deepinv  # noqa: E402

folder, random = Path(sys.argv[1] if len(sys.argv) > 1 else "."), np.random.default_rng(0)
sharp, kernel = data.camera()[60:316, 120:376] / np.float32(255), shaking_hand(random)
noise = NOISE * random.standard_normal(sharp.shape)
blurred = (convolve(sharp, kernel, mode="reflect") + noise).astype(np.float32)  # borders as pkn.deconvolve takes them

physics = deepinv.physics.Blur(torch.from_numpy(kernel)[None, None], padding="valid", use_fft=True)
measured = torch.from_numpy(blurred)[None, None, REACH:-REACH, REACH:-REACH]  # it isn't told what a border is
with torch.no_grad():
    played = deepinv.optim.DPIR(sigma=NOISE, denoiser=Denoiser())(measured, physics)[0, 0].numpy()
pictures = {"blurred": blurred, "pkn.deconvolve": pkn.deconvolve(blurred, blur=kernel, sigma=NOISE)}
pictures |= {"plug and play": played}
for name, picture in pictures.items():
    print(f"{name}: {psnr(picture):.2f} dB")
sheet = np.rint(255 * np.clip(np.hstack([*pictures.values(), sharp]), 0, 1)).astype(np.uint8)
write_image(folder / "plug_and_play.png", ImageFile((sheet,)))
