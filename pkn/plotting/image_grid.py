"""Grids of small images as image files, and animations of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pkn.io.atomic import atomic_path
from pkn.io.image_file import ImageFile, to_integers
from pkn.io.images import write_image

GAP = 2  # white pixels between images
FRAME_MILLISECONDS = 60
LAST_FRAME_MILLISECONDS = 1500
SMALLEST_SIDE = 512  # pixels; smaller grids are enlarged by a whole number


def make_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Arrange images in a grid, row by row, with white gaps of 2 pixels.

    Parameters
    ----------
    images : array of shape (N, H, W, C)
        uint8 as they are; floats are clipped to [0, 1] and converted to 8 bits.
    columns : int, optional
        Images in a row. By default the grid has about as many rows as columns.

    Returns
    -------
    array of shape (height, width, C), uint8
        Enlarged by a whole number, by repeating pixels, if its longer side would be below 512 pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.plotting.image_grid import make_grid
    >>> grid = make_grid(np.zeros((6, 300, 300, 3)), columns=3)
    >>> grid.shape  # 2 x 3 images, and gaps of 2 pixels
    (602, 904, 3)
    >>> int(grid[0, 0, 0]), int(grid[0, 300, 0])
    (0, 255)
    """
    images = to_integers(images, np.uint8)
    number, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(number)))
    rows = -(-number // columns)
    grid = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        grid[top : top + height, left : left + width] = image
    enlargement = max(1, -(-SMALLEST_SIDE // max(grid.shape)))
    return grid.repeat(enlargement, 0).repeat(enlargement, 1)


def write_grid(path: Path, images: np.ndarray, columns: int | None = None) -> None:
    """Write the grid of :func:`make_grid` as an image file, grey for images of one channel."""
    grid = make_grid(images, columns)
    write_image(path, ImageFile((grid if grid.shape[2] == 3 else grid[..., 0],)))


def write_gif(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Write frames (H, W, C), uint8, as an animated GIF that repeats; the last one is shown longest."""
    pictures = [Image.fromarray(frame.squeeze()) for frame in frames]
    durations = [FRAME_MILLISECONDS] * (len(pictures) - 1) + [LAST_FRAME_MILLISECONDS]
    with atomic_path(path) as temporary:
        pictures[0].save(temporary, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
