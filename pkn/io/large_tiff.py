"""TIFF pages too large for memory: read by parts, and written by parts into a file that is whole from the start."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from pkn.io.image_file import DTYPES, ImageFile
from pkn.io.tiff import SIGNATURES, check_chain, check_header, page_tags, quiet_tifffile, resolution_of
from pkn.io.tiff_exif import read_exif

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
        """Make an uncompressed file of this page's size with all its metadata; where its pixels begin."""
        tags = page_tags(self.like, len(self.shape) == 3)
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        pixels = tifffile.memmap(path, shape=self.shape, dtype=self.dtype, bigtiff=size > 2**31, **tags)
        return int(pixels.offset)

    @contextmanager
    def mapped(self, path: Path, offset: int) -> Iterator[np.ndarray]:
        """The pixels of a file that :meth:`create_like` made: written to disk at the end, and let go of."""
        pixels = np.memmap(path, self.dtype, "r+", offset, self.shape)
        yield pixels
        pixels.flush()


def open_large(path: Path) -> LargePage | None:
    """The file's only page, if it is a plain TIFF of more than ``LARGE`` pixels, grey or RGB without alpha."""
    with path.open("rb") as file:
        if not file.read(4).startswith(SIGNATURES):
            return None
        file.seek(0)
        with quiet_tifffile(), TiffFile(file) as tif:
            check_chain(tif)
            page = tif.pages[0]
            if len(tif.pages) != 1 or not isinstance(page, TiffPage) or page.imagewidth * page.imagelength <= LARGE:
                return None
            plain = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) and page.planarconfig == 1
            dtype = np.dtype(page.dtype).newbyteorder("=")
            if not plain or page.samplesperpixel not in (1, 3) or str(dtype) not in DTYPES or page.bitspersample < 8:
                return None
            check_header(page, page.imagewidth * page.imagelength, tif.filehandle.size)
            pixel = np.zeros((1, 1) if page.samplesperpixel == 1 else (1, 1, 3), dtype)
            like = ImageFile(
                (pixel,), profile=page.iccprofile, exif=read_exif(file, tif, page), resolution=resolution_of(page)
            )
            return LargePage(path, tuple(page.shape), dtype, like)
