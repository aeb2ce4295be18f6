"""What pkn.calibrate chooses, and gains: `python -m benchmarks.calibration white|real TEST [EVERY]`, TEST the sets.

`white`: every EVERY-th image of BSD68 with white noise that is told, by the network for any noise and by one whose maps
can gain. `real`: srdtrans10's ten frames as one stack, by the network for any noise and by one for white noise.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import pkn
from pkn.io.folders import read_folder, to_float32

SIGMA = 25 / 255


def main(kind: str, folder: str, every: int = 4) -> None:
    print("| images | strengths chosen | mean gain, dB | least | most |\n|---|---|---|---|---|")
    white(Path(folder), every) if kind == "white" else real(Path(folder))


def white(test: Path, every: int) -> None:
    random = np.random.default_rng(0)
    clean = [to_float32(image[..., 0]) for image in read_folder(test / "bsd68", 1)[::every]]
    pairs = [(image + np.float32(SIGMA) * random.standard_normal(image.shape, np.float32), image) for image in clean]
    for net in ("any-noise", "bilateral"):
        row(f"{len(clean)} of BSD68, σ = 25 told, {net}", [single(*pair, net=net, sigma=SIGMA) for pair in pairs])


def real(test: Path) -> None:
    frames, truth = (
        np.stack([to_float32(image[..., 0]) for image in read_folder(test / "srdtrans10" / part, 1)])
        for part in ("noisy", "clean")
    )
    for net in ("any-noise", "pyramid"):
        found = pkn.calibrate(frames, net, stack_axis=0)
        gains = [gain(frame, clean, found.strength, net) for frame, clean in zip(frames, truth, strict=False)]
        row(f"srdtrans10 as frames, {net}", [(found.strength, each) for each in gains])


def single(noisy: np.ndarray, clean: np.ndarray, net: str = "any-noise", **options: Any) -> tuple[Any, float]:
    found = pkn.calibrate(noisy, net, rng=0, **options)
    return found.strength, gain(noisy, clean, found.strength, net, **options)


def gain(noisy: np.ndarray, clean: np.ndarray, strength: Any, net: str, **options: Any) -> float:
    """dB over strength 1."""
    if strength == 1:
        return 0.0
    before, after = (np.mean((pkn.denoise(noisy, net, strength=s, **options) - clean) ** 2) for s in (1.0, strength))
    return float(10 * np.log10(before / after))


def row(name: str, found: list[tuple[Any, float]]) -> None:
    chosen = sorted({str(strength) for strength, _ in found}, key=[str(s) for s, _ in found].count, reverse=True)
    gains = [each for _, each in found]
    print(
        f"| {name} | {', '.join(chosen)} | {np.mean(gains):+.3f} | {min(gains):+.3f} | {max(gains):+.3f} |", flush=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
