"""What the filter and the drift of a kernel-predicting network do to a sample: a figure for each step."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from pkn.io.tensors import to_pictures
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.nets.models.partition_pyramid import KernelMaps
from pkn.plotting.maps import save_figure
from pkn.sampling.kernel_predicting import states

SHOWN = 8  # kernels along each axis of a pyramid level


def write_explanation(net: KernelPredictingNet, folder: Path, *, steps: int, **options: Any) -> list[Path]:
    """Draw one image with the options of :func:`pkn.sample`, and write ``step-<number>.png`` for each step.

    A figure shows z, the filtered z, the drift that is added, and their sum, which is the predicted image. Below, for
    each pyramid level, are the kernels (blue is negative), the sums of their weights, the share of the level's own
    pixels in the result, and the widths of the Gaussians that enlarge the next coarser level. All is of the network
    itself, before guidance.

    Returns
    -------
    list of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"step-{number:03d}.png" for number in range(1, steps + 1)]
    for path, state in zip(paths, states(net, 1, steps=steps, **options), strict=True):
        save_figure(explain_step(net, state.z[0], state.t), path)
    return paths


def explain_step(net: KernelPredictingNet, z: np.ndarray, t: float) -> Figure:
    """The figure for a state ``z`` (H, W, C) at time ``t``, as in :class:`SamplerState`."""
    with torch.inference_mode():
        given = torch.from_numpy(z).permute(2, 0, 1)[None] * 2 - 1
        maps = net.predict(given, torch.tensor([t]))
        filtered = net.apply(given, maps._replace(drift=None))
    drift = torch.zeros_like(filtered) if maps.drift is None else maps.drift
    figure = Figure(figsize=(13, 3.2 * (1 + len(maps.logits))), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(1 + len(maps.logits), 4)
    for axes in grid.ravel():
        axes.set_axis_off()
    pictures = {"z": given, "filtered": filtered, "drift (grey is none)": drift, "predicted": filtered + drift}
    for axes, (title, picture) in zip(grid[0], pictures.items(), strict=True):
        axes.imshow(np.clip(to_pictures(picture)[0], 0, 1), cmap="gray", vmin=0, vmax=1)
        axes.set_title(f"{title}, t = {t:.2f}" if title == "z" else title, fontsize="medium")
    for pyramid_level, row in enumerate(grid[1:]):
        _draw_level(figure, row, net, maps, pyramid_level)
    return figure


def _draw_level(figure: Figure, row: Any, net: KernelPredictingNet, maps: KernelMaps, level: int) -> None:
    """One row of the figure: the maps of a pyramid level."""
    kernels = net.weights(maps.logits[level])[0]
    largest = float(kernels.abs().max())
    _draw_map(figure, row[0], _mosaic(kernels), f"kernels, pyramid level {level}", "RdBu_r", -largest, largest)
    total = kernels.sum(0).numpy()
    _draw_map(figure, row[1], total, "sum of weights", "RdBu_r", -np.abs(total).max(), np.abs(total).max())
    if maps.gaussians:
        _draw_map(figure, row[2], maps.blends[level][0, 0].numpy(), "share of this level's pixels", "gray", 0, 1)
        width = 1 / maps.gaussians[level][0, :2].prod(0).sqrt().numpy()
        largest = float(np.quantile(width, 0.98))
        _draw_map(figure, row[3], width, "width of the enlarging Gaussian, px", "gray", 0, largest)


def _draw_map(figure: Figure, axes: Any, values: np.ndarray, title: str, colours: str, low: float, high: float) -> None:
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    axes.set_title(title, fontsize="medium")


def _mosaic(kernels: Tensor) -> np.ndarray:
    """The kernels (K * K, H, W) of every so many-th pixel, side by side with gaps."""
    side = int(len(kernels) ** 0.5)
    step = max(1, kernels.shape[1] // SHOWN)
    chosen = kernels[:, step // 2 :: step, step // 2 :: step].numpy()
    rows, columns = chosen.shape[1:]
    tiles = np.full((rows, side + 1, columns, side + 1), np.nan, np.float32)
    tiles[:, :side, :, :side] = chosen.reshape(side, side, rows, columns).transpose(2, 0, 3, 1)
    return tiles.reshape(rows * (side + 1), columns * (side + 1))
