"""Sheets of small images, and films of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pkn.io.atomic import atomic_path
from pkn.io.image_file import ImageFile, as_integer
from pkn.io.images import write_image

GAP = 2  # white pixels between images
FILM_MILLISECONDS = 60
LAST_MILLISECONDS = 1500
LEAST_SIDE = 512  # px; smaller sheets are enlarged by a whole number


def make_grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images (N, H, W, C) side by side, as nearly a square as can be; uint8 as they are, floats from [0, 1]."""
    images = as_integer(images, np.uint8)
    number, height, width, channels = images.shape
    columns = columns or int(np.ceil(np.sqrt(number)))
    rows = -(-number // columns)
    paper = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels), 255, np.uint8)
    for place, image in enumerate(images):
        top, left = place // columns * (height + GAP), place % columns * (width + GAP)
        paper[top : top + height, left : left + width] = image
    enlarged = max(1, -(-LEAST_SIDE // max(paper.shape)))
    return paper.repeat(enlarged, 0).repeat(enlarged, 1)


def write_grid(path: Path, images: np.ndarray, columns: int | None = None) -> None:
    """An image file of :func:`sheet`."""
    paper = make_grid(images, columns)
    write_image(path, ImageFile((paper if paper.shape[2] == 3 else paper[..., 0],)))


def write_gif(path: Path, sheets: Sequence[np.ndarray]) -> None:
    """An animated GIF of pictures (H, W, C), uint8; the last stays."""
    pictures = [Image.fromarray(picture.squeeze()) for picture in sheets]
    durations = [FILM_MILLISECONDS] * (len(pictures) - 1) + [LAST_MILLISECONDS]
    with atomic_path(path) as temporary:
        pictures[0].save(temporary, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
