"""What pkn.calibrate changes, and gains: `python -m benchmarks.calibration white|real|weave TEST [EVERY]`.

TEST is the folder of the sets. `white`: every EVERY-th image of BSD68 with white noise that is told, by the network for
any noise and by one whose maps can gain, and with last layers that learn. `real`: srdtrans10's ten frames as one stack,
by the network for any noise and by one for white noise. `weave`: a texture that no network has seen.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import pkn
from pkn.io.folders import read_folder, to_float32

SIGMA = 25 / 255
STEPS = 100  # of training the last layers


def main(kind: str, folder: str = "", every: int = 4) -> None:
    print("| images | what changed | mean gain, dB | least | most |\n|---|---|---|---|---|")
    {"white": lambda: white(Path(folder), every), "real": lambda: real(Path(folder)), "weave": weave}[kind]()


def white(test: Path, every: int) -> None:
    random = np.random.default_rng(0)
    clean = [to_float32(image[..., 0]) for image in read_folder(test / "bsd68", 1)[::every]]
    pairs = [(image + np.float32(SIGMA) * random.standard_normal(image.shape, np.float32), image) for image in clean]
    for net in ("any-noise", "bilateral"):
        row(f"{len(clean)} of BSD68, σ = 25 told, {net}", [single(*pair, net=net, sigma=SIGMA) for pair in pairs])
    tuned = [single(*pair, sigma=SIGMA, fine_tune=STEPS) for pair in pairs]
    row(f"{len(clean)} of BSD68, σ = 25 told, any-noise, fine-tuned", tuned)


def real(test: Path) -> None:
    frames, truth = (
        np.stack([to_float32(image[..., 0]) for image in read_folder(test / "srdtrans10" / part, 1)])
        for part in ("noisy", "clean")
    )
    for net, steps in (("any-noise", 0), ("pyramid", 0), ("any-noise", STEPS)):
        found = pkn.calibrate(frames, net, stack_axis=0, fine_tune=steps, rng=0)
        gains = [gain(frame, clean, found, net) for frame, clean in zip(frames, truth, strict=True)]
        row(f"srdtrans10 as frames, {net}{', fine-tuned' * bool(steps)}", [(found, each) for each in gains])


def weave() -> None:
    """A texture that photographs don't have, once, and as four frames."""
    rows, columns = np.mgrid[:256, :256]
    clean = (0.5 + 0.15 * np.sin(1.3 * columns) * np.sin(0.9 * rows)).astype(np.float32)
    stack = clean + np.float32(SIGMA) * np.random.default_rng(0).standard_normal((4, *clean.shape), np.float32)
    row("a weave, σ = 25 told", [single(stack[0], clean, sigma=SIGMA)])
    row("a weave, σ = 25 told, fine-tuned", [single(stack[0], clean, sigma=SIGMA, fine_tune=STEPS)])
    for steps in (0, STEPS):
        found = pkn.calibrate(stack, stack_axis=0, fine_tune=steps, rng=0)
        row(f"a weave, 4 frames{', fine-tuned' * bool(steps)}", [(found, gain(stack[0], clean, found, "any-noise"))])


def single(noisy: np.ndarray, clean: np.ndarray, net: str = "any-noise", **options: Any) -> tuple[Any, float]:
    found = pkn.calibrate(noisy, net, rng=0, **options)
    return found, gain(noisy, clean, found, net, sigma=options.get("sigma"))


def gain(noisy: np.ndarray, clean: np.ndarray, found: Any, net: str, **told: Any) -> float:
    """dB over the default."""
    before, after = (
        np.mean((pkn.denoise(noisy, **how) - clean) ** 2) for how in ({"net": net, **told}, found.settings)
    )
    return float(10 * np.log10(before / after))


def row(name: str, found: list[tuple[Any, float]]) -> None:
    changes = [words(calibration) for calibration, _ in found]
    chosen = sorted(set(changes), key=changes.count, reverse=True)
    gains = [each for _, each in found]
    print(
        f"| {name} | {'; '.join(chosen)} | {np.mean(gains):+.3f} | {min(gains):+.3f} | {max(gains):+.3f} |", flush=True
    )


def words(found: Any) -> str:
    changes = [f"strength {found.strength}"] if found.strength != 1 else []
    changes += [f"noise {255 * found.noise.level:.1f}/255"] if found.noise is not None else []
    changes += ["last layers"] if not isinstance(found.net, str) else []
    return ", ".join(changes) or "nothing"


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
