"""Mosaics denoised before they are demosaicked, against photographs denoised afterwards.

Usage: python -m benchmarks.raw_files FOLDER [number of images]
"""

import sys
from pathlib import Path

import numpy as np

import pkn
from pkn.degradations.camera_pipeline import bayer_sites, demosaic
from pkn.evaluation.metrics import psnr
from pkn.io.folders import read_folder

SENSORS = ((0.0005, 0.001), (0.002, 0.003), (0.01, 0.01))  # gain and read noise, as fractions of white
BALANCE = np.array([0.5, 1.0, 0.6])  # of a sensor's colours in white light
GAMMA = 2.2


def main(folder: Path, number: int) -> None:
    photos = read_folder(folder, 3)
    for gain, read_noise in SENSORS:
        scores = []
        for index, photo in enumerate(photos[:: max(1, len(photos) // number)][:number]):
            photo = photo / 255
            sites = bayer_sites(photo.shape[:2], (0, 0))
            clean = np.select(sites, np.moveaxis(photo**GAMMA * BALANCE, -1, 0))
            random = np.random.default_rng(index)
            noisy = gain * random.poisson(clean / gain) + read_noise * random.standard_normal(clean.shape)
            known = pkn.NoiseProfile.of_sensor(gain, read_noise)
            mosaics = noisy, pkn.denoise_raw(noisy), pkn.denoise_raw(noisy, noise=known)
            given, estimated, told = (developed(mosaic, sites) for mosaic in mosaics)
            after = pkn.denoise(given.astype(np.float32), channel_axis=-1)
            truth = developed(clean, sites)
            scores.append([psnr(image, truth) for image in (given, estimated, told, after)])
        names = "noisy", "mosaic denoised", "mosaic, noise known", "denoised after"
        text = ", ".join(f"{name} {score:.2f}" for name, score in zip(names, np.mean(scores, 0), strict=True))
        print(f"gain {gain}, read noise {read_noise}: {text} dB, {len(scores)} images")


def developed(mosaic: np.ndarray, sites: tuple[np.ndarray, ...]) -> np.ndarray:
    balanced = demosaic(np.select(sites, [mosaic / share for share in BALANCE]), sites, "malvar")
    return balanced.clip(0, 1) ** (1 / GAMMA)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8)
