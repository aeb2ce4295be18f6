"""Figures of parameter maps: white where the filter averages more, with a colour bar that shows the unit."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from pkn.filters import MapRange
from pkn.io.atomic import atomic_path
from pkn.plotting.colours import colours_of

MAX_COLUMNS = 6
LEAST_SHARE = 0.1  # of a map's declared range that its colours cover, so that nothing small looks large
LARGEST_SIDE = 1600  # pixels of a map in a figure; larger maps are subsampled


class NamedMaps(Protocol):
    """What the figures need of a ``ParameterMaps``: arrays by name, and the unit and range of each."""

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
    """Draw a parameter map into given axes, with a colour bar.

    The colours cover the map from its 0.5th to its 99.5th percentile, and a tenth of its declared range at least, on a
    logarithmic scale if the map's range is logarithmic and the values are above 0.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    values : array of shape (H, W), (F, H, W) or (K, K, H, W)
        A map; the planes of a guide, which are drawn side by side; or the maps of a free kernel, drawn as a mosaic.
    name : str
        The map's name, for title and colour bar.
    limits : pkn.filters.MapRange
        Its unit and meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from pkn.filters import Bilateral
    >>> from pkn.plotting.maps import draw_map
    >>> figure = Figure()
    >>> widths = np.linspace(1, 3, 48).reshape(6, 8)
    >>> draw_map(figure.subplots(), widths, "sigma_space", Bilateral.ranges["sigma_space"])
    >>> figure.axes[0].images[0].get_array().shape, figure.axes[1].get_ylabel()
    ((6, 8), 'sigma_space [px]')
    """
    image, colours, norm = own_colours(values, limits)
    bar = draw_picture(axes, image, colours, norm, name, limits.unit, limits.meaning)
    for set_formatter in (bar.ax.yaxis.set_major_formatter, bar.ax.yaxis.set_minor_formatter):
        set_formatter(FormatStrFormatter("%.3g"))


def own_colours(values: np.ndarray, limits: MapRange) -> tuple[np.ndarray, str, Normalize]:
    """A parameter map as one plane (H, W), the name of its colour map, and the norm from its values to it."""
    image = _mosaic(values)
    low, high = np.percentile(subsampled(image), (0.5, 99.5))
    if limits.logarithmic and low > 0:
        norm: Normalize = LogNorm(*np.exp(_widened(*np.log([low, high, limits.low, limits.high]))))
    else:
        norm = Normalize(*_widened(low, high, limits.low, limits.high))
    # Where values are large; white is for more averaging. Inverse widths are per pixel or per plane.
    less_averaging = limits.strength < 0 or limits.unit in ("1/px", "1/plane")
    return image, "gray_r" if less_averaging else "gray", norm


def _widened(low: float, high: float, least: float, most: float) -> tuple[float, float]:
    """A range that covers ``low`` to ``high`` and a share of ``least`` to ``most``, and stays within them if it can."""
    lacking = max(0.0, LEAST_SHARE * (most - least) - (high - low)) / 2
    beyond = max(0.0, min(low, least) - low + lacking) - max(0.0, high + lacking - max(high, most))
    return low - lacking + beyond, high + lacking + beyond


def draw_readable(axes: Axes, name: str, drawn: Any) -> None:
    """Draw a derived map (:class:`pkn.restoration.plain_units.ReadableMap`) over its own range."""
    colours, norm = colours_of(drawn)
    draw_picture(axes, drawn.values, colours, norm, name, drawn.unit, drawn.meaning)


def draw_picture(
    axes: Axes, image: np.ndarray, colours: str, norm: Normalize, name: str, unit: str, meaning: str
) -> Colorbar:
    """Draw an image with its colour bar, which is returned, and title."""
    drawn = axes.imshow(subsampled(image), cmap=colours, norm=norm, interpolation="nearest")
    bar = axes.figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label(f"{name} [{unit}]" if unit else name)
    axes.set_title(f"{name}: {meaning}" if meaning else name, fontsize="medium")
    axes.set_axis_off()
    return bar


def subsampled(image: np.ndarray) -> np.ndarray:
    """An image (H, W), or fewer of its pixels if it has more than a figure shows."""
    step = -(-max(image.shape) // LARGEST_SIDE)
    return image[::step, ::step]


def _mosaic(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2:
        return values
    if values.ndim == 3:
        return np.concatenate(list(values), axis=1)
    rows, columns, height, width = values.shape
    return values.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def plot_maps(maps: NamedMaps, readable: Mapping[str, Any] | None = None) -> tuple[Figure, Any]:
    """Draw all maps, in rows of at most six, those in plain units first.

    Parameters
    ----------
    maps : pkn.ParameterMaps
    readable : mapping of str to pkn.restoration.plain_units.ReadableMap, optional

    Returns
    -------
    (matplotlib.figure.Figure, array of matplotlib.axes.Axes)
        The figure, and one axes for each map, those of ``readable`` first.
    """
    _check(maps)
    readable = readable or {}
    figure, all_axes = grid_of_axes(len(readable) + len(maps), maps.shape)
    for axes, (name, derived) in zip(all_axes, readable.items(), strict=False):
        draw_readable(axes, name, derived)
    for axes, name in zip(all_axes[len(readable) :], maps, strict=True):
        draw_map(axes, maps[name], name, maps.ranges[name])
    return figure, all_axes


def grid_of_axes(number: int, size: tuple[int, ...]) -> tuple[Figure, Any]:
    """A figure with ``number`` axes for pictures of ``size``, in rows of at most six."""
    rows = -(-number // MAX_COLUMNS)
    columns = -(-number // rows)
    height, width = size
    figure = Figure(figsize=(5.2 * columns, rows * (0.5 + 4.2 * min(2.0, height / width)) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes:
        axes.set_axis_off()
    return figure, all_axes[:number]


def _check(maps: NamedMaps) -> None:
    if not hasattr(maps, "ranges"):
        raise TypeError(f"maps is a {type(maps).__name__}; expected pkn.ParameterMaps, which know units and ranges")


def map_figure(maps: NamedMaps, name: str) -> Figure:
    """Draw one map as a figure of its own."""
    _check(maps)
    height, width = maps.shape
    figure = Figure(figsize=(7, 0.8 + 6 * min(2.0, height / width)), layout="constrained")
    FigureCanvasAgg(figure)
    draw_map(figure.subplots(), maps[name], name, maps.ranges[name])
    return figure


def write_maps(maps: NamedMaps, folder: Path) -> list[Path]:
    """Write each map as ``<name>.png`` into a folder, which is made if it doesn't exist; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in maps]
    for path, name in zip(paths, maps, strict=True):
        save_figure(map_figure(maps, name), path)
    return paths


def curve_figure(curve: Sequence[tuple[int, float, float]]) -> Figure:
    """Plot the loss against the number of steps, for points ``(step, minutes, loss)``."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([step for step, _, _ in curve], [loss for _, _, loss in curve])
    axes.set(xlabel="steps", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the path's suffix, PNG without one; a failure leaves no partial file."""
    with atomic_path(path) as temporary:
        # With a format given, Matplotlib doesn't add a suffix to the name.
        figure.savefig(temporary, format=path.suffix[1:] or "png", dpi=110)


def plot_sheet(pictures: dict[str, np.ndarray], maps: NamedMaps, names: Sequence[str] = ()) -> Figure:
    """Draw pictures by title, each (H, W) or (H, W, 3) in [0, 1], then maps, in rows of at most six.

    Parameters
    ----------
    pictures : dict of str to array
    maps : pkn.ParameterMaps
    names : sequence of str
        The maps to draw; by default all.

    Returns
    -------
    matplotlib.figure.Figure
    """
    _check(maps)
    names = names or list(maps)
    figure, all_axes = grid_of_axes(len(pictures) + len(names), maps.shape)
    for axes, (title, picture) in zip(all_axes, pictures.items(), strict=False):
        axes.imshow(np.clip(picture, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize="medium")
    for axes, name in zip(all_axes[len(pictures) :], names, strict=True):
        draw_map(axes, maps[name], name, maps.ranges[name])
    return figure
