"""Estimates of blur, and what sharpening does to sharp images: python -m benchmarks.blur_estimates FOLDER [N] [--rgb]

Of every Nth image. The first lines print medians of the larger standard deviation, in pixels, of images that were
blurred; the last two PSNR of sharp images to themselves, after the network and after an estimated blur was undone.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder, to_float32

BLURS, NOISE = (0.5, 0.8, 1.5, 2.5), (0, 5)  # px, and of 255


def main(folder: str, each: str = "1", *options: str) -> None:
    channels = 3 if "--rgb" in options else 1
    images = [to_float32(image) for image in read_folder(Path(folder), channels)][:: int(each)]
    for level in NOISE:
        medians = [np.median([estimated(image, blur, level / 255) for image in images]) for blur in BLURS]
        pairs = (f"{median:.2f} of {blur}" for median, blur in zip(medians, BLURS, strict=True))
        print(f"noise {level}/255: {', '.join(pairs)} px, {len(images)} images", flush=True)
    for name, options_of in {"network": {}, "estimated blur": {"blur": "estimate"}}.items():
        kept = [psnr(pkn.deconvolve(image, channel_axis=-1, **options_of), image) for image in images]
        print(f"sharp images, {name}: {np.mean(kept):.2f} dB in the mean, {np.min(kept):.2f} at least", flush=True)


def estimated(sharp: np.ndarray, blur: float, sigma: float) -> float:
    noise = sigma * np.random.default_rng(0).standard_normal(sharp.shape, np.float32)
    blurred = gaussian_filter(sharp, (blur, blur, 0)) + noise
    return float(np.sqrt(np.linalg.eigvalsh(pkn.estimate_blur(blurred, channel_axis=-1))[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
