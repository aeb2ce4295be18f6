"""Stein's estimate of the error against the true one: `python -m benchmarks.risk FOLDER [EVERY] [--rgb]`.

White noise, told the network and the estimate; the mean over images of estimated over true squared error, in dB, and of
the mean squared errors of all images; then Poisson-Gaussian noise, told as a profile; then noise that had to be
estimated.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import pkn
from pkn.io.folders import read_folder, to_float32

SIGMAS = (10, 15, 25, 50)  # of 255
SENSOR = pkn.NoiseProfile.of_sensor(gain=0.01, read_noise=0.02)
Add = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def white(sigma: float) -> Add:
    return lambda clean, random: clean + sigma * random.standard_normal(clean.shape).astype(np.float32)


def counted(clean: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Photons, 100 at white, and read noise."""
    photons = random.poisson(clean / SENSOR.gain) * SENSOR.gain
    return np.asarray(photons + SENSOR.read_noise * random.standard_normal(clean.shape), np.float32)


def main(folder: str, every: int = 1, rgb: bool = False) -> None:
    images = [to_float32(image if rgb else image[..., 0]) for image in read_folder(folder, 3 if rgb else 1)[::every]]
    axis = -1 if rgb else None
    cases: dict[str, tuple[Add, dict[str, Any]]] = {
        f"white, {sigma}/255": (white(sigma / 255), {"sigma": sigma / 255}) for sigma in SIGMAS
    }
    if not rgb:
        cases["100 photons, read noise 5/255"] = counted, {"noise": SENSOR}
    cases["white, 15/255, not told"] = white(15 / 255), {}
    print(f"{len(images)} images\n")
    print("| noise | true, dB | mean difference | its spread | pooled | within 2 standard errors |")
    print("|" + "---|" * 6)
    for name, (add, told) in cases.items():
        random, pairs, within = np.random.default_rng(0), [], []
        for clean in images:
            noisy = add(clean, random)
            true = float(np.mean((pkn.denoise(noisy, channel_axis=axis, **told) - clean) ** 2))
            risk = pkn.sure(noisy, channel_axis=axis, rng=0, **told)
            pairs.append((true, risk.mse))
            within.append(abs(risk.mse - true) <= 2 * risk.standard_error)
        row(name, np.array(pairs), float(np.mean(within)))


def row(name: str, pairs: np.ndarray, within: float) -> None:
    known = pairs[:, 1] > 0
    decibels = 10 * np.log10(pairs[known, 1] / pairs[known, 0])
    true, pooled = -10 * np.log10(pairs[:, 0]).mean(), 10 * np.log10(pairs[:, 1].mean() / pairs[:, 0].mean())
    lost = "" if known.all() else f" ({(~known).sum()} of {len(known)} were below 0)"
    figures = f"{true:.2f} | {decibels.mean():+.3f}{lost} | {decibels.std():.3f} | {pooled:+.3f} | {within:.0%}"
    print(f"| {name} | {figures} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, [a for a in sys.argv[2:] if a.isdigit()]), rgb="--rgb" in sys.argv)
