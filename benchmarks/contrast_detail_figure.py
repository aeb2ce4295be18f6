"""The figure of `python -m benchmarks.contrast_detail`: thresholds, contrast that is left, and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter
from PIL import Image

from pkn.plotting.maps import save_figure

STYLES = {  # colour, marker
    "noisy": ("black", "o"),
    "pkn": ("tab:blue", "s"),
    "pkn, strength 0.5": ("tab:cyan", "v"),
    "BM3D": ("tab:red", "D"),
    "NLM": ("tab:orange", "^"),
    "TV": ("tab:green", "P"),
}
PICTURES = ("noisy", "pkn", "BM3D", "NLM", "TV")
GREYS, SHADES = 64, 24  # colours of the file, for noise makes it large: greys, and shades of each line
WINDOW = 2  # noise levels around the ground, from black to white
Studies = Mapping[str, Mapping[str, Any]]
Marks = tuple[Sequence[int], Sequence[float]]  # diameters from row to row of the pictures, ideal d' of the columns


def draw(
    studies: Studies, ideal: Mapping[str, float], pictures: Mapping[str, np.ndarray], marks: Marks, path: Path
) -> None:
    """``ideal`` are the ideal observer's thresholds before, ``pictures`` in noise levels from the ground."""
    figure = Figure(figsize=(11, 6.7), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.45, 1))
    axes = upper.subplots(1, 3)
    for place, name in zip(axes[1:], ("disc 4", "disc 16"), strict=True):
        transfer(place, studies, name)
    line = axes[2].get_lines()[-1]
    thresholds(axes[0], studies, ideal)
    handles, labels = axes[0].get_legend_handles_labels()
    handles, labels = [*handles, line], [*labels, "threshold, noisy"]
    upper.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9, frameon=False)
    strip(lower.subplots(1, len(PICTURES), sharey=True), pictures, marks)
    save_figure(figure, path)
    with Image.open(path) as image:
        small = with_palette(np.asarray(image.convert("RGB")))
    small.save(path, optimize=True)


def with_palette(pixels: np.ndarray) -> Image.Image:
    """The nearest greys, and colours of the lines as they fade into white."""
    greys = np.linspace(0, 1, GREYS)[:, None] * np.ones(3)
    fading = np.linspace(0, 1, SHADES, endpoint=False)[:, None]
    lines = [fading + (1 - fading) * to_rgb(colour) for colour, _ in STYLES.values() if colour != "black"]
    palette = np.rint(255 * np.concatenate([greys, *lines])).astype(np.uint8)
    colours, which = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    nearest = np.square(colours[:, None] - palette.astype(np.float64)).sum(2).argmin(1).astype(np.uint8)
    image = Image.fromarray(nearest[which].reshape(pixels.shape[:2]))
    image.putpalette(palette.tobytes())
    return image


def thresholds(axes: Axes, studies: Studies, ideal: Mapping[str, float]) -> None:
    names = [name for name in ideal if name.startswith("disc")]
    diameters = [int(name.split()[1]) for name in names]
    axes.plot(diameters, [ideal[name] for name in names], ":", color="black", label="ideal observer, noisy")
    for number, (method, (colour, marker)) in enumerate(STYLES.items()):
        found = [studies[method][name] for name in names]
        shifted = np.array(diameters) * 1.03 ** (number - len(STYLES) / 2)
        values, errors = [each.threshold for each in found], [each.error for each in found]
        axes.errorbar(shifted, values, errors, color=colour, marker=marker, markersize=5, linewidth=1.3, label=method)
    logarithmic(axes, diameters, (0.1, 0.2, 0.5, 1, 2, 5))
    axes.set(xlabel="diameter of the disc (px)", ylabel="contrast / noise level")
    axes.set_title("a  Contrast at which 90 % of pairs are told right", fontsize=10, loc="left")


def transfer(axes: Axes, studies: Studies, name: str) -> None:
    for method, (colour, marker) in STYLES.items():
        found = studies[method][name]
        axes.plot(found.contrasts, 100 * found.transfer, color=colour, marker=marker, markersize=5, linewidth=1.3)
    axes.axvline(studies["noisy"][name].threshold, color="grey", linewidth=0.9, linestyle="--")
    logarithmic(axes, (0.1, 0.2, 0.5, 1, 2, 5), None)
    axes.set(xlabel="contrast / noise level", ylabel="contrast that is left (%)", ylim=(0, 108))
    letter = "b" if name == "disc 4" else "c"
    axes.set_title(f"{letter}  Disc of {name.split()[1]} px", fontsize=10, loc="left")


def logarithmic(axes: Axes, x: Any, y: Any) -> None:
    """Logarithmic axes with ticks at round numbers."""
    for axis, ticks, scale in ((axes.xaxis, x, axes.set_xscale), (axes.yaxis, y, axes.set_yscale)):
        if ticks is not None:
            scale("log")
            axis.set_major_locator(FixedLocator(list(ticks)))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(ScalarFormatter())
    axes.grid(alpha=0.3)


def strip(places: Any, pictures: Mapping[str, np.ndarray], marks: Marks) -> None:
    diameters, ideal = marks
    for letter, axes, name in zip("defgh", places, PICTURES, strict=True):
        picture = pictures[name]
        axes.imshow(picture, cmap="gray", vmin=-WINDOW, vmax=WINDOW, interpolation="nearest")
        axes.set_title(f"{letter}  {name}", fontsize=10, loc="left")
        axes.set_xticks(centres(picture.shape[1], len(ideal)), [f"{each:.1f}" for each in ideal])
        axes.set_yticks(centres(picture.shape[0], len(diameters)), [str(each) for each in diameters])
        axes.tick_params(length=0, labelsize=8)
        axes.set_xlabel("d' of the ideal observer", fontsize=8)
    places[0].set_ylabel("diameter (px)", fontsize=8)


def centres(side: int, number: int) -> np.ndarray:
    """Of cells along a side."""
    return (np.arange(number) + 0.5) * side / number - 0.5
