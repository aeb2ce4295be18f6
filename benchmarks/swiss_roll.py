"""A Swiss roll by both stages, with a trained network: `python -m benchmarks.swiss_roll [FIGURE.png]`.

After Figure 1 of Qin & Huang 2025 (arXiv 2503.20825). A network learns the mean point behind white noise of any level.
Stage 1 takes points of the kernel density estimate there, which shrinks the roll; stage 2 undoes that. Our reading:
stage 2's smoothing is that network's.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist
from torch import nn

from pkn.plotting.maps import save_figure
from pkn.sampling.debiased import debiasing_states

ALPHA, LEVELS, POINTS = 0.3, (0.15, 0.27), 2000  # around alpha / sqrt(2): docs/score_based.md
TRAINING, BATCH, WIDTH, LARGEST = 8000, 512, 128, 0.6
SHOWN = (0, 1, 4, 16, 64)  # steps
NOISES, RUNS = (0.0, 0.05, 0.1), 10  # of the stochastic differential equation


def roll(random: np.random.Generator) -> torch.Tensor:
    turn = 1.5 * np.pi * (1 + 2 * random.random(POINTS))
    return torch.from_numpy(np.stack([turn * np.cos(turn), turn * np.sin(turn)], 1) / 7).float()


def train(points: torch.Tensor) -> nn.Module:
    """The mean point behind (x, y, level), as the noisy point and what is to be added to it."""
    hidden = [layer for _ in range(2) for layer in (nn.Linear(WIDTH, WIDTH), nn.SiLU())]
    net = nn.Sequential(nn.Linear(3, WIDTH), nn.SiLU(), *hidden, nn.Linear(WIDTH, 2))
    optimiser = torch.optim.AdamW(net.parameters())
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, TRAINING)
    for _ in range(TRAINING):
        clean = points[torch.randint(len(points), (BATCH,))]
        level = LARGEST * torch.rand(BATCH, 1)
        noisy = clean + level * torch.randn(BATCH, 2)
        loss = (noisy + level * net(torch.cat([noisy, level / LARGEST], 1)) - clean).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        rate.step()
    return net


def energy_distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """Energy distance of two sets of points, times 1,000 (Szekely & Rizzo 2013)."""
    return 1e3 * float(2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean())


def main(figure: str | None = None) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    data, truth, other = (roll(np.random.default_rng(seed)) for seed in range(3))
    net = train(data)

    @torch.inference_mode()
    def restore(points: torch.Tensor, level: float) -> torch.Tensor:
        levels = torch.full((len(points), 1), level)
        return points + levels * net(torch.cat([points, levels / LARGEST], 1))

    def states(seed: int, sde: float | None) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        return list(debiasing_states(restore, data, ALPHA, generator, levels=LEVELS, steps=SHOWN[-1], sde=sde))

    print(f"energy distance to the roll, times 1,000, mean of {RUNS} runs")
    print(f"another sample of it: {energy_distance(other, truth):.2f}\n")
    print(f"| | {' | '.join(f'{k} steps' for k in SHOWN)} |\n|{'---|' * (1 + len(SHOWN))}")
    for sde in (None, *NOISES):
        runs = [states(seed, sde) for seed in range(RUNS)]
        found = [np.mean([energy_distance(run[k], truth) for run in runs]) for k in SHOWN]
        name = "Robbins and Monro" if sde is None else f"`--sde {sde:g}`"
        print(f"| {name} | {' | '.join(f'{distance:.2f}' for distance in found)} |")
    if figure:
        converging = states(0, None)
        draw({f"{k} steps": converging[k] for k in SHOWN} | {"the roll": truth}, Path(figure))


def draw(sets: dict[str, torch.Tensor], path: Path) -> None:
    paper = Figure(figsize=(18, 3.2), layout="constrained")
    for axes, (name, points) in zip(paper.subplots(1, len(sets)), sets.items(), strict=True):
        axes.plot(*points.numpy().T, ",k")
        axes.set(xticks=[], yticks=[], title=name, aspect="equal")
    save_figure(paper, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
