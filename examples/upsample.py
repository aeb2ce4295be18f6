"""
Enlarge a photograph
====================

``python upsample.py [FOLDER]`` writes FOLDER/upsampled.png, a grid of images and maps.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from skimage import data

import pkn
from pkn.plotting.maps import plot_sheet, save_figure
from pkn.restoration.first_stage import partly_denoised
from pkn.restoration.upsampling import SHARES, upsampling_maps

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
large = data.chelsea()[:300, :450] / np.float32(255)
small = large.reshape(150, 2, 225, 2, 3).mean((1, 3))
noise = np.random.default_rng(0).standard_normal(small.shape, np.float32)


def psnr(image: np.ndarray) -> str:
    return f"{-10 * np.log10(np.mean((image - large) ** 2)):.2f} dB"


for level in (0, 10):
    given = small + np.float32(level / 255) * noise
    less_noisy, left = partly_denoised(given, SHARES, channel_axis=-1)
    maps = upsampling_maps(less_noisy, scale=2, sigma=left, channel_axis=-1)
    pictures = {
        "pkn": maps.apply(less_noisy),  # the same as pkn.upsample(given, channel_axis=-1)
        "Lanczos": cv2.resize(given, (450, 300), interpolation=cv2.INTER_LANCZOS4),
        "bicubic": cv2.resize(given, (450, 300), interpolation=cv2.INTER_CUBIC),
    }
    print(f"noise {level}/255: " + ", ".join(f"{name} {psnr(image)}" for name, image in pictures.items()))

pictures = {f"{name}, {psnr(image)}": image for name, image in pictures.items()}
save_figure(plot_sheet({"noisy input": given, **pictures, "original": large}, maps), folder / "upsampled.png")
size = pkn.upsample(small, scale=1.5, channel_axis=-1).shape[:2]
print(f"any scale from 1 to 8: 1.5 makes {size[1]} x {size[0]} of {small.shape[1]} x {small.shape[0]}")
