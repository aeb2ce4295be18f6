"""How fast Robbins and Monro's steps undo a known smoothing: `python -m benchmarks.convergence [figure.png]`.

Theorem 2.1 of Qin & Huang 2025, where it can be held against theory: H is our own Gaussian filter on a ring or a torus,
whose waves e decay by prod (1 - a_k h); and in noise, by k^-1/2. Dashed lines are theory.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from skimage import data
from torch import Tensor

from pkn.filters import IsotropicGaussian
from pkn.plotting.maps import save_figure
from pkn.sampling.samplers import trajectory
from pkn.sampling.stochastic_approximation import Rate, falling, robbins_monro

STEPS, EARLY = 2000, 100
GAIN, DEVIATION, WALKS = 0.8, 0.5, 4000
RATES: dict[str, Rate] = {
    "1 / k^0.75": falling(1.0, 0.75),
    "1 / k": falling(1.0),
    "1 / k²: the sum is finite": falling(1.0, 2.0),
}
Curves = dict[str, tuple[np.ndarray, np.ndarray]]  # by name: measured, and by theory, after 1 ... STEPS steps


def mixture(size: int = 96) -> Tensor:
    """Three Gaussians on a ring, as a picture of one row."""
    parts = [(0.5, 20, 3.0), (0.3, 45, 5.0), (0.2, 70, 2.0)]
    places = np.arange(size)
    density = sum(weight * np.exp(-((places - mean) ** 2) / (2 * width**2)) / width for weight, mean, width in parts)
    return torch.from_numpy(np.asarray(density / np.sum(density)))[None]


def smooth(x: Tensor, _: float = 0) -> Tensor:
    return torch.from_numpy(IsotropicGaussian(radius=8, border="wrap")(x.numpy(), sigma=2.0))


def known(truth: Tensor) -> Curves:
    """Errors as shares of the first, for each of the rates."""
    impulse = torch.zeros_like(truth)
    impulse[0, 0] = 1
    gains, waves = torch.fft.fft2(smooth(impulse)).real, torch.fft.fft2(smooth(truth) - truth)
    given, curves = smooth(truth), {}
    for name, rate in RATES.items():
        path = trajectory(smooth, robbins_monro(given, rate), given, range(STEPS + 1))
        measured, kept, theory = [], torch.ones_like(gains), []
        for k, (x, _) in enumerate(path, 1):
            kept = kept * (1 - rate(k) * gains)
            measured.append(float((x - truth).norm() / (given - truth).norm()))
            theory.append(float((kept * waves).abs().norm() / waves.abs().norm()))
        curves[name] = np.array(measured), np.array(theory)
    return curves


def noisy() -> Curves:
    """Root mean square errors of walks to 1, where H(x) = GAIN x is observed in noise."""
    generator, given, k = torch.Generator().manual_seed(0), torch.full((WALKS,), GAIN), np.arange(1, STEPS + 1)

    def observed(x: Tensor, _: float) -> Tensor:
        return GAIN * x + DEVIATION * torch.randn(x.shape, generator=generator)

    def walk(rate: Rate) -> np.ndarray:
        path = trajectory(observed, robbins_monro(given, rate), torch.zeros(WALKS), range(STEPS + 1))
        return np.array([float((x - 1).square().mean().sqrt()) for x, _ in path])

    falls = DEVIATION / np.sqrt((2 * GAIN - 1) * k)  # Chung 1954
    stays = np.full(STEPS, DEVIATION * np.sqrt(0.3 / (GAIN * (2 - 0.3 * GAIN))))
    return {
        "1 / k": (walk(falling(1.0)), falls),
        "0.3: the sum of squares is infinite": (walk(lambda _: 0.3), stays),
    }


def main(figure: str | None = None) -> None:
    parts: dict[str, Callable[[], Curves]] = {
        "a Gaussian mixture, smoothed": lambda: known(mixture()),
        "a photograph, blurred": lambda: known(torch.from_numpy(data.camera()[:128, 180:308] / 255)),
        "one wave, in noise": noisy,
    }
    paper = Figure(figsize=(12.8, 3.6), layout="constrained")
    print("| problem | a_k | error after 2,000 steps | theory | slope from 100 on | theory |\n|" + "---|" * 6)
    for axes, (title, make) in zip(paper.subplots(1, 3), parts.items(), strict=True):
        for name, (measured, theory) in make().items():
            slopes = (np.log(c[-1] / c[EARLY - 1]) / np.log(STEPS / EARLY) for c in (measured, theory))
            last, slope = f"{measured[-1]:.4f} | {theory[-1]:.4f}", " | ".join(f"{value:.3f}" for value in slopes)
            print(f"| {title} | {name} | {last} | {slope} |", flush=True)
            (line,) = axes.loglog(range(1, STEPS + 1), measured, label=name)
            axes.loglog(range(1, STEPS + 1), theory, "--", color=line.get_color(), alpha=0.6, linewidth=3)
        axes.set(title=title, xlabel="k")
        axes.legend()
    if figure:
        save_figure(paper, Path(figure))


if __name__ == "__main__":
    main(*sys.argv[1:])
