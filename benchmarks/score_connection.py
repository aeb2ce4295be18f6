"""Both stages of debiasing beside a score-based sampler: `python -m benchmarks.score_connection [FIGURE.png]`.

The data are a mixture of Gaussians on a line, so the mean behind noise of any level, D(y, b) = y + b^2 score(y, b), has
a formula, and so has everything that is built of it: stage 1, D(y, alpha) of y drawn from the kernel density estimate;
stage 2, which solves x_0 = H(x), H(x) = E D(x + b z, b); and the probability flow, dx = -b score(x, b) db from alpha to
0, which is exact. Distances are of Wasserstein (p = 1), times 1,000, to the data.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import wasserstein_distance

from pkn.plotting.maps import save_figure
from pkn.sampling.debiased import RATE

WEIGHTS, MEANS, DEVIATIONS = np.array([[0.6], [0.4]]), np.array([[-1.0], [1.2]]), np.array([[0.3], [0.15]])
ALPHA, NUMBER, STEPS, FLOW = 0.5, 20_000, (1, 2, 4, 8, 16, 1000), 400
LEVELS = {"0.5": 0.5 * ALPHA, "0.71": 0.5**0.5 * ALPHA, "1": ALPHA}
NODES, SHARES = np.polynomial.hermite_e.hermegauss(21)


def data(random: np.random.Generator) -> np.ndarray:
    part = (np.arange(NUMBER) < WEIGHTS[1] * NUMBER).astype(int)
    return np.asarray(MEANS[part, 0] + DEVIATIONS[part, 0] * random.standard_normal(NUMBER))


def mean_behind(y: np.ndarray, level: float) -> np.ndarray:
    """D(y, b), by Bayes' rule."""
    variance = DEVIATIONS**2 + level**2
    shares = WEIGHTS * np.exp(-((y - MEANS) ** 2) / (2 * variance)) / variance**0.5
    each = (MEANS * level**2 + y * DEVIATIONS**2) / variance
    return np.asarray((shares * each).sum(0) / shares.sum(0))


def smoothed(x: np.ndarray, level: float) -> np.ndarray:
    """H(x), by Gauss and Hermite's quadrature."""
    return np.asarray(
        sum(w * mean_behind(x + level * z, level) for z, w in zip(NODES, SHARES / SHARES.sum(), strict=True))
    )


def debiased(start: np.ndarray, level: float) -> dict[int, np.ndarray]:
    """Stage 2 after so many steps."""
    x, found = start, {}
    for k in range(1, STEPS[-1] + 1):
        x = x + RATE(k) * (start - smoothed(x, level))
        if k in STEPS:
            found[k] = x
    return found


def flow(y: np.ndarray) -> np.ndarray:
    """The probability flow, by Heun's steps of equal ratio, and the mean behind what is left."""
    levels = np.geomspace(ALPHA, 1e-3 * ALPHA, FLOW)
    for b, c in pairwise(levels):
        slope = (y - mean_behind(y, b)) / b
        there = y + (c - b) * slope
        y = y + (c - b) / 2 * (slope + (there - mean_behind(there, c)) / c)
    return mean_behind(y, levels[-1])


def main(figure: str | None = None) -> None:
    random = np.random.default_rng(0)
    truth, noisy = data(random), data(random) + ALPHA * random.standard_normal(NUMBER)
    start = mean_behind(noisy, ALPHA)

    def distance(x: np.ndarray) -> float:
        return 1e3 * float(wasserstein_distance(x, truth))

    print(f"bandwidth {ALPHA:g}; {NUMBER:,} samples\n\n| | {' | '.join(f'{k} steps' for k in STEPS)} |")
    print("|" + "---|" * (len(STEPS) + 1))
    stages = {ratio: debiased(start, level) for ratio, level in LEVELS.items()}
    for ratio, states in stages.items():
        print(f"| stage 2, b = {ratio} alpha | {' | '.join(f'{distance(states[k]):.1f}' for k in STEPS)} |")
    others = {"another sample of the data": data(random), "kernel density estimate": noisy, "stage 1": start}
    for name, x in (others | {"probability flow": flow(noisy)}).items():
        print(f"| {name} | {distance(x):.1f} |{' |' * (len(STEPS) - 1)}")
    if figure:
        draw(Path(figure), {"data": truth, **others, "stage 2, b = 0.71 alpha, 16 steps": stages["0.71"][16]})


def draw(path: Path, samples: dict[str, np.ndarray]) -> None:
    """Left, what becomes of the deviation of Gaussian data; middle, densities; right, where each y goes."""
    paper = Figure(figsize=(15, 4), layout="constrained")
    ratios, left, middle, right = np.linspace(0.05, 1.3, 100), *paper.subplots(1, 3)
    for deviation in (0.25, 0.5, 1.0, 4.0):
        kept = deviation**2 / (deviation**2 + ratios**2)
        left.plot(ratios, deviation / (deviation**2 + 1) ** 0.5 / kept, label=f"data's deviation {deviation:g} alpha")
    left.axhline(1, color="black", linewidth=0.8)
    left.axvline(0.5**0.5, color="black", linewidth=0.8, linestyle=":")
    left.set(xlabel="b / alpha", ylim=(0, 3), title="deviation of stage 2's limit over the data's")
    for name, x in samples.items():
        if name != "another sample of the data":
            middle.hist(x, 120, range=(-2.5, 2.5), density=True, histtype="step", label=name)
    middle.set(title="densities")
    y = np.linspace(-2.5, 2.5, 301)
    right.plot(y, mean_behind(y, ALPHA), label="stage 1")
    for ratio, level in LEVELS.items():
        right.plot(y, debiased(mean_behind(y, ALPHA), level)[STEPS[-1]], label=f"stage 2's limit, b = {ratio} alpha")
    right.plot(y, flow(y), "--", color="black", label="probability flow")
    right.set(xlabel="noisy y", title="where y goes")
    for axes in (left, middle, right):
        axes.legend(fontsize=8)
    save_figure(paper, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
