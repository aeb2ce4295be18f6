"""What filter and drift did to a sample, as pictures: one figure for each step of a sampler."""

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

PLACES = 8  # kernels shown along each axis of a level


def write_explanation(net: KernelPredictingNet, folder: Path, *, steps: int, **options: Any) -> list[Path]:
    """``step-<number>.png`` for one image drawn with the options of :func:`pkn.sample`.

    Each shows z, what the filter makes of it, the drift that is added, and their sum, the predicted image; then, level
    by level, kernels (blue is negative), their sums, the share of a level's own pixels, and where Gaussians reach far.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"step-{number:03d}.png" for number in range(1, steps + 1)]
    for path, state in zip(paths, states(net, 1, steps=steps, **options), strict=True):
        save_figure(explain_step(net, state.z[0], state.t), path)
    return paths


def explain_step(net: KernelPredictingNet, z: np.ndarray, t: float) -> Figure:
    """The figure for a state ``z`` (H, W, C) at time ``t``, as a :class:`SamplerState` has them."""
    with torch.inference_mode():
        given = torch.from_numpy(z).permute(2, 0, 1)[None] * 2 - 1
        maps = net.predict(given, torch.tensor([t]))
        filtered = net.apply(given, maps._replace(drift=None))
    drift = torch.zeros_like(filtered) if maps.drift is None else maps.drift
    figure = Figure(figsize=(13, 3.2 * (1 + len(maps.logits))), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(1 + len(maps.logits), 4)
    for place in places.ravel():
        place.set_axis_off()
    pictures = {"z": given, "filtered": filtered, "drift (grey is none)": drift, "predicted": filtered + drift}
    for place, (title, picture) in zip(places[0], pictures.items(), strict=True):
        place.imshow(np.clip(to_pictures(picture)[0], 0, 1), cmap="gray", vmin=0, vmax=1)
        place.set_title(f"{title}, t = {t:.2f}" if title == "z" else title, fontsize="medium")
    for level, row in enumerate(places[1:]):
        _draw_level(figure, row, net, maps, level)
    return figure


def _draw_level(figure: Figure, row: Any, net: KernelPredictingNet, maps: KernelMaps, level: int) -> None:
    kernels = net.weights(maps.logits[level])[0]
    large = float(kernels.abs().max())
    _draw(figure, row[0], _mosaic(kernels), f"kernels, level {level}", "RdBu_r", -large, large)
    total = kernels.sum(0).numpy()
    _draw(figure, row[1], total, "sum of weights", "RdBu_r", -np.abs(total).max(), np.abs(total).max())
    if maps.gaussians:
        _draw(figure, row[2], maps.blends[level][0, 0].numpy(), "share of this level's pixels", "gray", 0, 1)
        reach = 1 / maps.gaussians[level][0, :2].prod(0).sqrt().numpy()
        _draw(figure, row[3], reach, "width of the enlarging Gaussian, px", "gray", 0, float(np.quantile(reach, 0.98)))


def _draw(figure: Figure, place: Any, values: np.ndarray, title: str, colours: str, low: float, high: float) -> None:
    shown = place.imshow(values, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    figure.colorbar(shown, ax=place, fraction=0.046, pad=0.03)
    place.set_title(title, fontsize="medium")


def _mosaic(kernels: Tensor) -> np.ndarray:
    """Every so many pixels' kernels (K * K, H, W) at their places, with gaps."""
    side = int(len(kernels) ** 0.5)
    step = max(1, kernels.shape[1] // PLACES)
    chosen = kernels[:, step // 2 :: step, step // 2 :: step].numpy()
    rows, columns = chosen.shape[1:]
    tiles = np.full((rows, side + 1, columns, side + 1), np.nan, np.float32)
    tiles[:, :side, :, :side] = chosen.reshape(side, side, rows, columns).transpose(2, 0, 3, 1)
    return tiles.reshape(rows * (side + 1), columns * (side + 1))
