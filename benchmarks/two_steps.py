"""Noise taken before enlarging and sharpening, or not, on scikit-image's data: python -m benchmarks.two_steps OUT.jpg

Above a cat, half the size, with noise of 10/255: given, in one step, denoised and enlarged by bicubic interpolation, by
pkn.upsample, the truth. Below a photographer, blurred by 1.5 px, with noise of 4/255: given, sharpened in one step, in
two, by the network, the truth.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn
from pkn.evaluation.metrics import psnr

BLUR, ENLARGED = 1.5, 2  # px, times
CAT, PHOTOGRAPHER = np.s_[60:220, 120:300], np.s_[80:240, 160:340]  # what is shown


def cat() -> list[np.ndarray]:
    truth = data.chelsea()[:300, :450] / np.float32(255)
    small = truth.reshape(150, 2, 225, 2, 3).mean((1, 3))
    noisy = small + np.float32(10 / 255) * np.random.default_rng(0).standard_normal(small.shape, np.float32)
    size, clean = truth.shape[1::-1], pkn.denoise(noisy, channel_axis=-1)
    return [
        cv2.resize(noisy, size, interpolation=cv2.INTER_NEAREST),
        pkn.upsample(noisy, denoiser=None, channel_axis=-1),
        cv2.resize(clean, size, interpolation=cv2.INTER_CUBIC),
        pkn.upsample(noisy, channel_axis=-1),
        truth,
    ]


def photographer() -> list[np.ndarray]:
    truth = data.camera() / np.float32(255)
    noise = np.float32(4 / 255) * np.random.default_rng(0).standard_normal(truth.shape, np.float32)
    given = gaussian_filter(truth, BLUR) + noise
    ways = ({"blur": BLUR, "denoiser": None}, {"blur": BLUR}, {})
    return [given, *(pkn.deconvolve(given, **way) for way in ways), truth]


def main(out: Path) -> None:
    rows = []
    for images, part in ((cat(), CAT), (photographer(), PHOTOGRAPHER)):
        print(" ".join(f"{psnr(image, images[-1]):.2f}" for image in images[:-1]), "dB")
        crops = [image[part] if image.ndim == 3 else image[part][..., None].repeat(3, -1) for image in images]
        rows.append(np.concatenate(crops, axis=1))
    sheet = Image.fromarray(np.uint8(np.clip(np.concatenate(rows), 0, 1) * 255 + 0.5))
    size = (ENLARGED * sheet.width, ENLARGED * sheet.height)
    sheet.resize(size, Image.Resampling.NEAREST).save(out, quality=88)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
