"""NumPy's files of one array: a grey image, an RGB image, or a stack of grey ones."""

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pkn.io.image_file import ImageFile, check_size, without_alpha
from pkn.io.npz import read_member

SIGNATURE = b"\x93NUMPY"


def read_npy(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read (H, W), (H, W, 3 or 4) or (N, H, W), which becomes N pages; bool becomes 0 and 255."""
    array = read_member(file, os.fstat(file.fileno()).st_size)
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)):
        check_size(array.shape[1], array.shape[0], max_pixels)
        pixels, alpha = without_alpha(np.atleast_3d(array))
        return ImageFile((pixels,), (alpha,))
    if array.ndim != 3:
        raise ValueError(f"its array has shape {array.shape}; expected (H, W), (H, W, 3 or 4) or (N, H, W)")
    check_size(array.shape[2], array.shape[1], max_pixels)
    return ImageFile(tuple(array))


def write_npy(path: Path, image: ImageFile, quality: int) -> None:
    """Write the array that :func:`read_npy` reads as this image."""
    if any(alpha is not None for alpha in image.alpha) and (image.channel_axis is None or len(image.pages) > 1):
        raise ValueError("image has alpha beside grey, which an .npy file can't hold; expected RGB, or a .tif path")
    if len(image.pages) > 1 and (image.channel_axis is not None or len({page.shape for page in image.pages}) > 1):
        raise ValueError(
            "image has pages in colour or of several sizes; expected grey ones of one size, or a .tif path"
        )
    array = np.stack(image.pages) if len(image.pages) > 1 else image.pages[0]
    if image.alpha[0] is not None:
        array = np.dstack((array, image.alpha[0]))
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
