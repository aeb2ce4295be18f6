"""Figures of the weights behind a pixel."""

from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

LEAST = 1e-3  # of the largest weight: smaller ones look like none


def kernel_figure(image: np.ndarray, position: tuple[int, int], kernels: Mapping[str, np.ndarray]) -> Figure:
    """The image around a pixel, and beside it the weights of each kernel, at the same scale.

    Parameters
    ----------
    image : array of shape (H, W)
    position : (row, column)
    kernels : mapping of str to array of shape (2 r + 1, 2 r + 1)
        Centred on the pixel; negative weights are blue.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.plotting.kernels import kernel_figure
    >>> figure = kernel_figure(np.eye(9), (4, 4), {"": np.full((3, 3), 1 / 9)})
    >>> len(figure.axes)  # the image, the kernel, and its colour bar
    3
    """
    figure = Figure(figsize=(5 * (1 + len(kernels)), 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    first, *others = figure.subplots(1, 1 + len(kernels))
    first.imshow(image, cmap="gray")
    row, column = position
    reach = max(kernel.shape[0] for kernel in kernels.values()) // 2
    first.plot([column], [row], "+", color="red", markersize=14)
    for axes in (first, *others):
        axes.set(xlim=(column - reach - 0.5, column + reach + 0.5), ylim=(row + reach + 0.5, row - reach - 0.5))
    first.set_title("around the pixel")
    for axes, (name, kernel) in zip(others, kernels.items(), strict=True):
        largest, r = float(np.nanmax(np.abs(kernel))) or 1.0, kernel.shape[0] // 2
        place = (column - r - 0.5, column + r + 0.5, row + r + 0.5, row - r - 0.5)
        norm = SymLogNorm(LEAST * largest, vmin=-largest, vmax=largest)
        drawn = axes.imshow(kernel, cmap="RdBu_r", norm=norm, extent=place)
        axes.set(facecolor="white", title=f"weights{f' of {name}' if name else ''}")
        axes.plot([column], [row], "+", color="black", markersize=8)
        figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)
    return figure
