"""Deviations and intervals of pkn.uncertainty against the truth.

`python -m benchmarks.uncertainty FOLDER [EVERY] [--rgb] [FIGURE.png] [--no-draws]`: first, of every EVERY-th image, the
share of pixels whose interval holds the truth, by kind of region, in white noise that is not told: the mean of images,
one standard error of it, and in brackets the standard deviation of single images; then, of twelve parts of 160 x 160
px, the deviation against that of 500 draws of the real noise, told and not told.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pkn
from pkn.evidence.deviations import Uncertainty
from pkn.evidence.intervals import COVERAGES
from pkn.evidence.regions import KINDS
from pkn.io.folders import read_folder, to_float32
from pkn.plotting.maps import save_figure

SIGMAS = (10, 25, 50)  # of 255
REAL, SIDE, PARTS = 500, 160, 12
KEEP = 100  # pixels: with fewer of a kind an image says nothing of it
Shares = dict[str, np.ndarray]  # by kind: share of pixels within the intervals, (images, coverages)


def main(folder: str, every: int, rgb: bool, figure: str | None, draws: bool) -> None:
    images = [to_float32(image if rgb else image[..., 0]) for image in read_folder(folder, 3 if rgb else 1)[::every]]
    axis = -1 if rgb else None
    found = {f"{sigma}/255": shares(measured(images, sigma / 255, axis)) for sigma in SIGMAS}
    print(table(found, len(images)), flush=True)
    if figure:
        draw(found, Path(figure))
    if not draws:
        return
    print(
        f"\n| noise | variance over that of {REAL} draws, median | mean | 90 % of pixels | bias: correlation | size |"
    )
    print("|" + "---|" * 6)
    for sigma in SIGMAS:
        for told in (True, False) if sigma == SIGMAS[1] else (True,):
            against_draws(images[:: max(1, len(images) // PARTS)][:PARTS], sigma / 255, axis, told)


def measured(images: list[np.ndarray], sigma: float, axis: int | None) -> Iterator[tuple[np.ndarray, Uncertainty]]:
    """Clean images, and what is found of noisy ones."""
    random = np.random.default_rng(1)
    for clean in images:
        noisy = clean + sigma * random.standard_normal(clean.shape).astype(np.float32)
        yield clean, pkn.uncertainty(noisy, channel_axis=axis, rng=0)


def shares(images: Iterable[tuple[np.ndarray, Uncertainty]]) -> Shares:
    rows: dict[str, list[list[float]]] = {kind: [] for kind in ("all", *KINDS)}
    for clean, sure in images:
        limits = [sure.interval(coverage) for coverage in COVERAGES]
        inside = np.stack([((low <= clean) & (clean <= high)).reshape(*sure.kinds.shape, -1) for low, high in limits])
        rows["all"].append(inside.mean((1, 2, 3)).tolist())
        for number, kind in enumerate(KINDS):
            chosen = sure.kinds == number
            if chosen.sum() >= KEEP:
                rows[kind].append(inside[:, chosen].mean((1, 2)).tolist())
    return {kind: np.array(each) for kind, each in rows.items()}


def table(found: dict[str, Shares], number: int) -> str:
    heads = [f"90 %, {kind}" for kind in ("all", *KINDS)]
    lines = [f"{number} images\n\n| noise | {' | '.join(heads)} | 50 % | 99 % |", "|" + "---|" * (4 + len(KINDS))]
    at = COVERAGES.index(0.9)
    for name, kinds in found.items():
        held = [100 * kinds[kind][:, at] for kind in ("all", *KINDS)]
        cells = [f"{h.mean():.1f} ± {h.std(ddof=1) / np.sqrt(len(h)):.1f} ({h.std(ddof=1):.1f})" for h in held]
        ends = [f"{100 * kinds['all'][:, column].mean():.1f}" for column in (0, -1)]
        lines.append(f"| {name} | {' | '.join(cells + ends)} |")
    return "\n".join(lines)


def against_draws(images: list[np.ndarray], sigma: float, axis: int | None, told: bool) -> None:
    options = {"sigma": sigma if told else None, "channel_axis": axis}
    random, ratios, biases = np.random.default_rng(2), [], []
    for image in images:
        clean = image[80:][:SIDE, 80:][:, :SIDE]

        def noisy(clean: np.ndarray = clean) -> np.ndarray:
            return np.asarray(clean + sigma * random.standard_normal(clean.shape), np.float32)

        real = np.stack([pkn.denoise(noisy(), **options) for _ in range(REAL)])
        sure = pkn.uncertainty(noisy(), **options, draws=64, rng=0)
        ratios.append((sure.std**2 / real.var(0, ddof=1)).ravel())
        biases.append(np.stack([sure.bias.ravel(), (real.mean(0) - clean).ravel()]))
    ratio, (ours, true) = np.concatenate(ratios), np.concatenate(biases, axis=1)
    low, high = np.quantile(ratio, [0.05, 0.95])
    bias = f"{np.corrcoef(ours, true)[0, 1]:.2f} | {np.sqrt(np.mean(ours**2) / np.mean(true**2)):.2f}"
    print(
        f"| {255 * sigma:g}/255 | {np.median(ratio):.3f} | {ratio.mean():.3f} | {low:.2f} to {high:.2f} | {bias} |",
        flush=True,
    )


def draw(found: dict[str, Shares], path: Path) -> None:
    """The reliability curve: shares that intervals hold, over those they promise."""
    paper = Figure(figsize=(4 * len(found), 3.8), layout="constrained")
    for axes, (name, kinds) in zip(paper.subplots(1, len(found)), found.items(), strict=True):
        for kind, held in kinds.items():
            axes.plot(COVERAGES, held.mean(0), "o-", label=kind, markersize=3)
        axes.plot([0.5, 1], [0.5, 1], color="black", linewidth=0.8)
        axes.set(xlabel="promised", ylabel="held", title=f"noise of {name}", aspect="equal")
        axes.legend()
    save_figure(paper, path)


if __name__ == "__main__":
    rest = [argument for argument in sys.argv[2:] if not argument.startswith("--")]
    picture = next((argument for argument in rest if argument.endswith(".png")), None)
    step = next((int(argument) for argument in rest if argument.isdigit()), 1)
    main(sys.argv[1], step, "--rgb" in sys.argv, picture, "--no-draws" not in sys.argv)
