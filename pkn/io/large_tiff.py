"""TIFF files too large for memory: read by parts, and written by parts into a file that is whole from the start."""

import os
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np
from tifffile import PHOTOMETRIC, TiffFile, TiffPage, TiffWriter

from pkn.io.image_file import DTYPES, ImageFile, check_size
from pkn.io.tiff import (
    SIGNATURES,
    byteorder_of,
    check_chain,
    check_header,
    check_total,
    page_tags,
    quiet_tifffile,
    resolution_of,
    sizes_of,
)
from pkn.io.tiff_exif import read_exif
from pkn.io.tiff_notes import number_of_planes, read_notes

LARGE = 2**25  # pixels; files with more are worked on from file to file

Region = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class LargeTiff:
    """A file of pages of one size and dtype, whose parts are read when they are asked for.

    Parameters
    ----------
    path : Path
    count : int
        Of its pages.
    shape : tuple of int
        Of a page, (H, W) or (H, W, 3).
    dtype : dtype
        In the machine's byte order.
    like : ImageFile
        A pixel, with the metadata of the whole.
    directories : tuple of int
        Where the file describes each page.
    pixels : tuple of int
        Where each page's pixels begin, if all are stored as they are in memory; else empty.
    byteorder : {"<", ">"}
        Of the file.
    """

    path: Path
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    like: ImageFile
    directories: tuple[int, ...]
    pixels: tuple[int, ...]
    byteorder: Any

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a page."""
        return self.shape[0], self.shape[1]

    def read(self, page: int, region: Region) -> np.ndarray:
        """Rows and columns of a page, in the machine's byte order.

        Of a compressed page that isn't large, all is decoded for them.
        """
        if self.pixels:
            stored = self.dtype.newbyteorder(self.byteorder)
            values = np.array(np.memmap(self.path, stored, "r", self.pixels[page], self.shape)[region])
        else:
            values = self._decode(page, region)
        return values.astype(self.dtype, copy=False)

    def _decode(self, number: int, region: Region) -> np.ndarray:
        with TiffFile(self.path) as tif:
            tif.filehandle.seek(self.directories[number])
            page = TiffPage(tif, number)
            if np.prod(self.size) <= LARGE:
                return page.asarray()[region]
            import zarr

            return np.asarray(zarr.open(page.aszarr(), mode="r")[region])

    def create_like(self, path: Path) -> None:
        """Make an uncompressed file of such pages with all metadata.

        Its whole size is taken on the disk, so that a full disk is told now and not after hours.
        """
        nbytes = self.count * int(np.prod(self.shape)) * self.dtype.itemsize
        with TiffWriter(path, bigtiff=nbytes > 2**31, byteorder=byteorder_of(self.like)) as writer:
            for number in range(self.count):
                tags = page_tags(self.like, len(self.shape) == 3, None if number else self.size)
                writer.write(None, shape=self.shape, dtype=self.dtype, contiguous=False, **tags)
        with path.open("rb+") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)

    def write(self, path: Path, offset: int, region: Region, values: np.ndarray) -> None:
        """Write rows and columns into a page that :meth:`create_like` made, down to the disk.

        ``offset`` is where the page's pixels begin. Not by mapping the file: where a disk is full or fails, that ends
        the process.
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


def pixel_offsets(path: Path) -> list[int]:
    """Where the pixels of each page begin, in a file that :meth:`LargeTiff.create_like` made."""
    with TiffFile(path) as tif:
        return [page.dataoffsets[0] for page in tif.pages]


def open_large(path: Path, max_pixels: int | None = None) -> LargeTiff | None:
    """The file, if it is a plain TIFF of more than ``LARGE`` pixels: pages of one kind, grey or RGB without alpha.

    Raises
    ------
    ValueError
        If a page has more than ``max_pixels`` pixels.
    OSError
        If it can't be read.
    """
    try:
        found = _large_tiff(path)
    except Exception as error:  # a damaged file makes tifffile raise nearly any type; read_image says what it has
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return None
    if found and max_pixels:
        check_size(found.shape[1], found.shape[0], max_pixels)
    return found


def _large_tiff(path: Path) -> LargeTiff | None:
    with path.open("rb") as file:
        if not file.read(4).startswith(SIGNATURES):
            return None
        file.seek(0)
        with quiet_tifffile(), TiffFile(file) as tif:
            check_chain(tif)
            pages = [page for page in tif.pages if isinstance(page, TiffPage) and _is_plain(page)]
            if not pages or len(pages) < len(tif.pages) or len({(page.shape, page.dtype) for page in pages}) > 1:
                return None
            count, first, end = number_of_planes(tif, pages), pages[0], tif.filehandle.size
            if count * first.imagewidth * first.imagelength <= LARGE:
                return None
            for page in pages:
                check_header(page, max(page.imagewidth * page.imagelength, LARGE), end)
            check_total(pages, LARGE, end)
            pixels = _pixels_of(pages, count, end)
            if count != len(pages) and not pixels:
                return None
            dtype = np.dtype(first.dtype).newbyteorder("=")
            like = ImageFile(
                (np.zeros((1, 1, *first.shape[2:]), dtype),),
                profile=first.iccprofile,
                exif=read_exif(file, tif, first),
                resolution=resolution_of(first),
                tiff_notes=read_notes(tif, first),
            )
            directories = tuple(page.offset for page in pages)
            return LargeTiff(path, count, tuple(first.shape), dtype, like, directories, pixels, tif.byteorder)


def _is_plain(page: TiffPage) -> bool:
    """Whether a page's pixels are those of the image, grey or RGB without alpha, of whole bytes."""
    sizes_of(page)
    plain = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) and page.planarconfig == 1
    kind = page.samplesperpixel in (1, 3) and page.bitspersample >= 8 and str(page.dtype) in DTYPES
    return bool(plain and kind and not page.is_reduced)


def _pixels_of(pages: list[TiffPage], count: int, end: int) -> tuple[int, ...]:
    """Where the pixels of each page or plane begin, or nothing if one isn't stored as it is in memory."""
    if not all(page.is_memmappable for page in pages):
        return ()
    begins = tuple(page.dataoffsets[0] for page in pages)
    if count == len(pages):
        return begins
    planes = range(begins[0], begins[0] + count * pages[0].nbytes, pages[0].nbytes)
    return tuple(planes) if len(pages) == 1 and planes.stop <= end else ()
