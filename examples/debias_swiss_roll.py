"""
A Swiss roll out of its density estimate
========================================

Robbins and Monro's steps undo the smoothing of a kernel density estimate. Needs pkn[train].

After Qin & Huang 2025, whose illustration is a Swiss roll. Our reading: what is sought is the density, and H, the
estimate's Gaussian smoothing, is known: it is our own Gaussian filter. ``python debias_swiss_roll.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from pkn.filters import IsotropicGaussian
from pkn.plotting.maps import save_figure
from pkn.sampling.samplers import trajectory
from pkn.sampling.stochastic_approximation import falling, robbins_monro

BANDWIDTH, HALF, CELLS, POINTS = 0.4, 3.2, 64, 4000  # HALF the side of a square of CELLS x CELLS
WIDTH = BANDWIDTH * CELLS / (2 * HALF)
SHOWN = (0, 10, 100, 1000)  # steps


def roll(random: np.random.Generator) -> np.ndarray:
    turn = 1.5 * np.pi * (1 + 2 * random.random(POINTS))
    return np.stack([turn * np.cos(turn), turn * np.sin(turn)], 1) / 7


def density(points: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.histogram2d(*points.T, CELLS, [[-HALF, HALF]] * 2)[0] / len(points))


def smooth(x: torch.Tensor, _: float = 0) -> torch.Tensor:
    return torch.from_numpy(IsotropicGaussian(radius=int(4 * WIDTH), border="wrap")(x.numpy(), sigma=WIDTH))


def energy_distance(estimate: torch.Tensor, points: np.ndarray) -> float:
    """Energy distance of a density to points (Szekely & Rizzo 2013)."""
    share = estimate.numpy().ravel() / float(estimate.sum())
    cells = (np.stack(np.indices(estimate.shape), -1).reshape(-1, 2) + 0.5) * 2 * HALF / CELLS - HALF
    between = share @ cdist(cells, points).mean(1)
    return float(2 * between - share @ cdist(cells, cells) @ share - cdist(points, points).mean())


# %%
# Each picture: the density after so many steps, and its energy distance to another sample of the roll.
data, truth, other = (roll(np.random.default_rng(seed)) for seed in range(3))
given = smooth(density(data))  # stage 1
path = trajectory(smooth, robbins_monro(given, falling(1.8, 0.51), lowest=0.0), given, range(SHOWN[-1] + 1))
figure = Figure(figsize=(12.8, 3.4), layout="constrained")
places = iter(figure.subplots(1, len(SHOWN)))
for k, x in enumerate([given, *(x for x, _ in path)]):
    if k in SHOWN:
        title, axes = f"{k} steps, {energy_distance(x, truth):.5f} from the roll", next(places)
        axes.imshow(x.numpy(), cmap="gray_r", vmax=float(x.quantile(0.995)))
        axes.set(xticks=[], yticks=[], title=title)
        print(title)
print(f"another sample of the roll: {energy_distance(density(other), truth):.5f}")
save_figure(figure, Path(sys.argv[1] if len(sys.argv) > 1 else ".", "roll.png"))
