"""Deviations and intervals of pkn.uncertainty against the truth.

`python -m benchmarks.uncertainty FOLDER [EVERY] [--rgb] [FIGURE.png]`: first, of every EVERY-th image, the share of
pixels whose interval holds the truth, by kind of region, in white noise that is not told; then, of twelve parts of
160 x 160 px, the deviation against that of 500 draws of the real noise, told and not told.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import pkn
from pkn.evidence.intervals import COVERAGES
from pkn.evidence.regions import KINDS
from pkn.io.folders import read_folder, to_float32
from pkn.plotting.maps import save_figure

SIGMAS = (10, 25, 50)  # of 255
REAL, SIDE, PARTS = 500, 160, 12
Shares = dict[str, np.ndarray]  # by kind of region: of pixels within the intervals of each coverage


def main(folder: str, every: int, rgb: bool, figure: str | None) -> None:
    images = [to_float32(image if rgb else image[..., 0]) for image in read_folder(folder, 3 if rgb else 1)[::every]]
    axis = -1 if rgb else None
    print(
        f"{len(images)} images\n\n| noise | {' | '.join(f'90 %, {kind}' for kind in ('all', *KINDS))} | 50 % | 99 % |"
    )
    print("|" + "---|" * (4 + len(KINDS)))
    found = {f"{sigma}/255": shares(images, sigma / 255, axis) for sigma in SIGMAS}
    at = COVERAGES.index(0.9)
    for name, kinds in found.items():
        cells = [f"{100 * kinds[kind][at]:.1f}" for kind in ("all", *KINDS)]
        print(f"| {name} | {' | '.join(cells)} | {100 * kinds['all'][0]:.1f} | {100 * kinds['all'][-1]:.1f} |")
    print(
        f"\n| noise | variance over that of {REAL} draws, median | mean | 90 % of pixels | bias: correlation | size |"
    )
    print("|" + "---|" * 6)
    for sigma in SIGMAS:
        for told in (True, False) if sigma == SIGMAS[1] else (True,):
            against_draws(images[:: max(1, len(images) // PARTS)][:PARTS], sigma / 255, axis, told)
    if figure:
        draw(found, Path(figure))


def shares(images: list[np.ndarray], sigma: float, axis: int | None) -> Shares:
    random, counts = np.random.default_rng(1), np.zeros((len(KINDS), len(COVERAGES) + 1))
    for clean in images:
        noisy = clean + sigma * random.standard_normal(clean.shape).astype(np.float32)
        sure = pkn.uncertainty(noisy, channel_axis=axis, rng=0)
        for column, coverage in enumerate(COVERAGES):
            low, high = sure.interval(coverage)
            inside = ((low <= clean) & (clean <= high)).reshape(*clean.shape[:2], -1).sum(2)
            counts[:, column] += [inside[sure.kinds == kind].sum() for kind in range(len(KINDS))]
        number = 1 if axis is None else clean.shape[-1]
        counts[:, -1] += [number * np.count_nonzero(sure.kinds == kind) for kind in range(len(KINDS))]
    total = counts.sum(0)
    return {
        "all": total[:-1] / total[-1],
        **{kind: row[:-1] / row[-1] for kind, row in zip(KINDS, counts, strict=True)},
    }


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
            axes.plot(COVERAGES, held, "o-", label=kind, markersize=3)
        axes.plot([0.5, 1], [0.5, 1], color="black", linewidth=0.8)
        axes.set(xlabel="promised", ylabel="held", title=f"noise of {name}", aspect="equal")
        axes.legend()
    save_figure(paper, path)


if __name__ == "__main__":
    rest = [argument for argument in sys.argv[2:] if argument != "--rgb"]
    picture = next((argument for argument in rest if argument.endswith(".png")), None)
    main(sys.argv[1], next((int(a) for a in rest if a.isdigit()), 1), "--rgb" in sys.argv, picture)
