"""Gain, read noise and correlation that are estimated from photographs with simulated noise.

Usage: python -m benchmarks.noise_estimates FOLDER
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


def main(folder: Path) -> None:
    photos = [to_float32(photo)[..., 0] for photo in read_folder(folder, 1)]
    for gain, read_noise, width in SENSORS:
        found = []
        for index, clean in enumerate(photos):
            deviation = np.sqrt(gain * clean + read_noise**2)
            noise = deviation * np.random.default_rng(index).standard_normal(clean.shape, np.float32)
            noise = correlate_noise(noise[None, None], width)[0, 0] if width else noise
            profile = pkn.estimate_noise(clean + noise)
            found.append((profile.gain / gain, profile.read_noise / read_noise, profile.correlation - width))
        middle = np.median(found, 0)
        low, high = np.quantile(found, (0.25, 0.75), axis=0)
        names = "gain x", "read noise x", "width +"
        each = (f"{n} {m:.2f} ({a:.2f} to {b:.2f})" for n, m, a, b in zip(names, middle, low, high, strict=True))
        print(f"gain {gain}, read noise {read_noise}, width {width}: {', '.join(each)}, {len(photos)} images")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
