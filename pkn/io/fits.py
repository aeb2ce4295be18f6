"""FITS by astropy (the extra ``astro``): the first image of a file, with its header."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pkn.io.image_file import ImageFile, check_size
from pkn.version import missing

SIGNATURE = b"SIMPLE  ="
DIMENSIONS = (2, 3)


def read_fits(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read the first image (H, W) or (N, H, W), which becomes N pages; rows in the order of the file."""
    fits = _astropy()
    with fits.open(file, memmap=False, lazy_load_hdus=True) as units:
        for unit in units:
            sizes = [unit.header.get(f"NAXIS{axis + 1}", 0) for axis in range(unit.header.get("NAXIS", 0))]
            if not unit.is_image or len(sizes) not in DIMENSIONS:
                continue
            check_size(sizes[0], sizes[1], max_pixels)
            array = np.asarray(unit.data)
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
            return ImageFile(tuple(array.reshape(-1, *array.shape[-2:])), fits_header=unit.header.tostring())
    raise ValueError("it has no image of two or three axes")


def write_fits(path: Path, image: ImageFile, quality: int) -> None:
    """Write a file of one image, with the header that it came with."""
    fits = _astropy()
    if image.channel_axis is not None or any(alpha is not None for alpha in image.alpha):
        raise ValueError("image has colour or alpha, which FITS can't hold here; expected grey, or a .tif path")
    if len({page.shape for page in image.pages}) > 1:
        raise ValueError("image has pages of several sizes; expected one size for FITS, or a .tif path")
    array = np.stack(image.pages) if len(image.pages) > 1 else image.pages[0]
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    header = None if image.fits_header is None else fits.Header.fromstring(image.fits_header)
    for scaling in ("BSCALE", "BZERO"):  # values are unscaled now; astropy sets them anew where the type needs it
        if header is not None:
            header.remove(scaling, ignore_missing=True)
    fits.PrimaryHDU(array, header).writeto(path, overwrite=True)


def _astropy() -> Any:
    if not find_spec("astropy"):
        raise ValueError(missing("astropy", "FITS files", "astro"))
    from astropy.io import fits

    return fits
