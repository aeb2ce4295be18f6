"""Pictures of parameter maps: white where more denoising happens, a colour bar with the unit."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from pkn.filters import MapRange
from pkn.io.atomic import atomic_path

MOST_COLUMNS = 6
LONGEST_SIDE = 1600  # pixels of a map that a picture shows; larger ones are thinned out


class NamedMaps(Protocol):
    """Arrays by name, of one image's ``shape`` (H, W), with the unit and range of each: a ``ParameterMaps``."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image."""

    @property
    def ranges(self) -> Mapping[str, MapRange]:
        """Unit, range and meaning of each map."""

    def __getitem__(self, name: str) -> np.ndarray: ...

    def __iter__(self) -> Iterator[str]: ...

    def __len__(self) -> int: ...


def draw_map(axes: Axes, values: np.ndarray, name: str, limits: MapRange) -> None:
    """Draw a map (H, W), the planes of a guide (F, H, W) side by side, or a free kernel's (K, K, H, W) as a mosaic."""
    image = _mosaic(values)
    step = -(-max(image.shape) // LONGEST_SIDE)
    image = image[::step, ::step]
    low, high = np.percentile(image, (0.5, 99.5))
    if limits.logarithmic and low > 0 and high > low:
        norm: Normalize = LogNorm(low, high)
    else:
        norm = Normalize(low, high if high > low else low + 1)
    narrows = limits.strength < 0 or limits.unit == "1/px"  # white is where more is averaged
    shown = axes.imshow(image, cmap="gray_r" if narrows else "gray", norm=norm, interpolation="nearest")
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
    for ticks in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
        ticks(FormatStrFormatter("%.3g"))
    bar.set_label(f"{name} [{limits.unit}]" if limits.unit else name)
    axes.set_title(f"{name}: {limits.meaning}" if limits.meaning else name, fontsize="medium")
    axes.set_axis_off()


def _mosaic(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        return np.concatenate(list(values), axis=1)
    rows, columns, height, width = values.shape
    return values.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def plot_maps(maps: NamedMaps) -> tuple[Figure, Any]:
    """All maps, in rows of at most six; returns figure and axes, one for each map."""
    figure, axes = _grid(len(maps), maps)
    for place, name in zip(axes, maps, strict=True):
        draw_map(place, maps[name], name, maps.ranges[name])
    return figure, axes


def _grid(number: int, maps: NamedMaps) -> tuple[Figure, Any]:
    """A figure with so many places for pictures of the maps' size."""
    rows = -(-number // MOST_COLUMNS)
    columns = -(-number // rows)
    height, width = maps.shape
    figure = Figure(figsize=(5.2 * columns, rows * (0.5 + 4.2 * min(2.0, height / width)) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for place in axes:
        place.set_axis_off()
    return figure, axes[:number]


def map_figure(maps: NamedMaps, name: str) -> Figure:
    """One map as a figure of its own."""
    height, width = maps.shape
    figure = Figure(figsize=(7, 0.8 + 6 * min(2.0, height / width)), layout="constrained")
    FigureCanvasAgg(figure)
    draw_map(figure.subplots(), maps[name], name, maps.ranges[name])
    return figure


def write_maps(maps: NamedMaps, folder: Path) -> list[Path]:
    """``<name>.png`` for each map."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in maps]
    for path, name in zip(paths, maps, strict=True):
        save_figure(map_figure(maps, name), path)
    return paths


def curve_figure(curve: Sequence[tuple[int, float, float]]) -> Figure:
    """Loss over steps, of points (step, minutes, loss)."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([step for step, _, _ in curve], [loss for _, _, loss in curve])
    axes.set(xlabel="steps", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def plot_sheet(pictures: dict[str, np.ndarray], maps: NamedMaps, names: Sequence[str] = ()) -> Figure:
    """Pictures (each (H, W) or (H, W, 3), 0 to 1), then maps (all, or those of ``names``), in rows of at most six."""
    names = names or list(maps)
    figure, places = _grid(len(pictures) + len(names), maps)
    for place, (title, picture) in zip(places, pictures.items(), strict=False):
        place.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        place.set_title(title, fontsize="medium")
    for place, name in zip(places[len(pictures) :], names, strict=True):
        draw_map(place, maps[name], name, maps.ranges[name])
    return figure


def picture_bytes(maps: NamedMaps, name: str) -> bytes:
    """A map's picture as a PNG file in memory."""
    stream = BytesIO()
    map_figure(maps, name).savefig(stream, format="png", dpi=110)
    return stream.getvalue()
