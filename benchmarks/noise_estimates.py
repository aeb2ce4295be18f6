"""Gain, read noise and correlation that are estimated from photographs with simulated noise.

Usage: python -m benchmarks.noise_estimates FOLDER [--rgb]
"""

import sys
from pathlib import Path

import numpy as np

import pkn
from pkn.degradations.operations import correlate_noise
from pkn.io.folders import read_folder, to_float32

SENSORS = (  # gain, read noise, width of the correlation in pixels
    (0.002, 0.005, 0.0),
    (0.002, 0.02, 0.0),
    (0.005, 0.01, 0.0),
    (0.01, 0.02, 0.0),
    (0.02, 0.01, 0.0),
    (0.01, 0.02, 0.5),
    (0.01, 0.02, 0.8),
    (0.01, 0.02, 1.0),
)


def main(folder: Path, channels: int) -> None:
    photos = [to_float32(photo).transpose(2, 0, 1) for photo in read_folder(folder, channels)]
    for gain, read_noise, width in SENSORS:
        found = []
        for index, clean in enumerate(photos):
            deviation = np.sqrt(gain * clean + read_noise**2)
            noise = deviation * np.random.default_rng(index).standard_normal(clean.shape, np.float32)
            noise = correlate_noise(noise[None], width)[0] if width else noise
            noisy = clean + noise
            profile = pkn.estimate_noise(noisy, channel_axis=0) if channels == 3 else pkn.estimate_noise(noisy[0])
            found.append((profile.gain / gain, profile.read_noise / read_noise, profile.correlation - width))
        middle = np.median(found, 0)
        low, high = np.quantile(found, (0.25, 0.75), axis=0)
        names = "gain x", "read noise x", "width +"
        each = (f"{n} {m:.2f} ({a:.2f} to {b:.2f})" for n, m, a, b in zip(names, middle, low, high, strict=True))
        print(f"gain {gain}, read noise {read_noise}, width {width}: {', '.join(each)}, {len(photos)} images")


if __name__ == "__main__":
    main(Path(sys.argv[1]), 3 if "--rgb" in sys.argv else 1)
