"""Figures of the weights behind a pixel."""

from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

LEAST = 1e-3  # of the largest weight: smaller ones look like none
POSITIVE, NEGATIVE = (255, 140, 0), (0, 90, 255)  # colours of weights over a grey picture


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


def kernel_picture(image: np.ndarray, position: tuple[int, int], kernels: Mapping[str, np.ndarray]) -> np.ndarray:
    """The image around a pixel, coloured where weights lie, for each kernel: a small picture, without axes.

    Parameters
    ----------
    image : array of shape (H, W)
    position : (row, column)
    kernels : mapping of str to array of shape (2 r + 1, 2 r + 1)
        Centred on the pixel; negative weights are blue.

    Returns
    -------
    array of shape (h, w, 3), uint8
        The kernels side by side, all pixels that weigh a thousandth of the heaviest or more.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.plotting.kernels import kernel_picture
    >>> kernel_picture(np.eye(30), (14, 14), {"luma": np.ones((5, 5)), "chroma": np.ones((9, 9))}).shape
    (9, 19, 3)
    """
    extents = [_extent(kernel) for kernel in kernels.values()]
    reach = max(extents)
    padded = np.pad(image, reach, constant_values=np.nan)
    row, column = position
    around = padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
    known = around[np.isfinite(around)]
    low, high = (known.min(), known.max()) if known.size else (0, 1)
    grey = np.nan_to_num((around - low) / (high - low or 1))[..., None] * 255
    pictures = [_coloured(grey, kernel, reach) for kernel in kernels.values()]
    gap = np.full((len(grey), 1, 3), 255, np.uint8)
    return np.concatenate([each for picture in pictures for each in (gap, picture)][1:], axis=1)


def _extent(kernel: np.ndarray) -> int:
    """Pixels from the centre to the farthest weight that isn't far below the heaviest."""
    places = np.argwhere(np.abs(kernel) >= LEAST * np.nanmax(np.abs(kernel)))
    return int(np.abs(places - kernel.shape[0] // 2).max(initial=1))


def _coloured(grey: np.ndarray, kernel: np.ndarray, reach: int) -> np.ndarray:
    centre, spare = kernel.shape[0] // 2, max(0, reach - kernel.shape[0] // 2)
    inner = np.s_[max(0, centre - reach) : centre + reach + 1]
    weights = np.pad(np.nan_to_num(kernel[inner, inner]), spare)
    share = np.abs(weights) / (np.abs(weights).max() or 1)
    cover = np.clip(1 + np.log10(np.maximum(share, LEAST)) / -np.log10(LEAST), 0, 1)[..., None] * 0.85
    colour = np.where(weights[..., None] < 0, NEGATIVE, POSITIVE)
    return np.asarray(grey * (1 - cover) + colour * cover, np.uint8)
