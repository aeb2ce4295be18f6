"""TIFF pages too large for memory: read by parts, and written by parts into a file that is whole from the start."""

import os
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from pkn.io.image_file import DTYPES, ImageFile, check_size
from pkn.io.tiff import (
    SIGNATURES,
    byteorder_of,
    check_chain,
    check_header,
    page_tags,
    quiet_tifffile,
    resolution_of,
    sizes_of,
)
from pkn.io.tiff_exif import read_exif
from pkn.io.tiff_notes import read_notes

LARGE = 2**25  # pixels; pages with more are worked on from file to file

Region = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class LargePage:
    """A page whose parts are read when they are asked for.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        (H, W) or (H, W, 3).
    dtype : dtype
        In the machine's byte order.
    like : ImageFile
        A pixel, with the metadata of the whole.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    like: ImageFile

    def read(self, region: Region) -> np.ndarray:
        """Rows and columns of the page, in the machine's byte order."""
        with TiffFile(self.path) as tif:
            page = tif.pages[0]
            if page.is_memmappable:
                values = np.array(tifffile.memmap(self.path, mode="r")[region])
            else:
                import zarr

                values = np.asarray(zarr.open(page.aszarr(), mode="r")[region])
        return values.astype(self.dtype, copy=False)

    def create_like(self, path: Path) -> int:
        """Make an uncompressed file of this page's size with all its metadata; where its pixels begin.

        Its whole size is taken on the disk, so that a full disk is told now and not after hours.
        """
        tags = page_tags(self.like, len(self.shape) == 3, self.shape[:2])
        settings = {
            "bigtiff": int(np.prod(self.shape)) * self.dtype.itemsize > 2**31,
            "byteorder": byteorder_of(self.like),
        }
        pixels = tifffile.memmap(path, shape=self.shape, dtype=self.dtype, **settings, **tags)
        with path.open("rb+") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return int(pixels.offset)

    def write(self, path: Path, offset: int, region: Region, values: np.ndarray) -> None:
        """Write rows and columns into a file that :meth:`create_like` made, down to the disk.

        Not by mapping the file: where a disk is full or fails, that ends the process.
        """
        rows, columns = region
        pixel = int(np.prod(self.shape[2:])) * self.dtype.itemsize
        values = np.ascontiguousarray(values, self.dtype.newbyteorder(byteorder_of(self.like)))
        with path.open("rb+", buffering=0) as file:
            for row, line in zip(range(rows.start, rows.stop), values, strict=True):
                file.seek(offset + (row * self.shape[1] + columns.start) * pixel)
                _write_all(file, memoryview(line).cast("B"))
            os.fsync(file.fileno())


def _write_all(file: RawIOBase, data: memoryview) -> None:
    while data.nbytes:
        data = data[file.write(data) or 0 :]


def open_large(path: Path, max_pixels: int | None = None) -> LargePage | None:
    """The file's only page, if it is a plain TIFF of more than ``LARGE`` pixels, grey or RGB without alpha.

    Raises
    ------
    ValueError
        If it has more than ``max_pixels`` pixels.
    OSError
        If it can't be read.
    """
    try:
        found = _large_page(path)
    except Exception as error:  # a damaged file makes tifffile raise nearly any type; read_image says what it has
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return None
    if found and max_pixels:
        check_size(found.shape[1], found.shape[0], max_pixels)
    return found


def _large_page(path: Path) -> LargePage | None:
    with path.open("rb") as file:
        if not file.read(4).startswith(SIGNATURES):
            return None
        file.seek(0)
        with quiet_tifffile(), TiffFile(file) as tif:
            check_chain(tif)
            page = tif.pages[0]
            if len(tif.pages) != 1 or not isinstance(page, TiffPage):
                return None
            width, length = sizes_of(page)
            if width * length <= LARGE:
                return None
            plain = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) and page.planarconfig == 1
            dtype = np.dtype(page.dtype).newbyteorder("=")
            if not plain or page.samplesperpixel not in (1, 3) or str(dtype) not in DTYPES or page.bitspersample < 8:
                return None
            check_header(page, width * length, tif.filehandle.size)
            pixel = np.zeros((1, 1) if page.samplesperpixel == 1 else (1, 1, 3), dtype)
            like = ImageFile(
                (pixel,),
                profile=page.iccprofile,
                exif=read_exif(file, tif, page),
                resolution=resolution_of(page),
                tiff_notes=read_notes(tif, page),
            )
            return LargePage(path, tuple(page.shape), dtype, like)
