"""Reading and writing TIFF with tifffile."""

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage, TiffWriter

from pkn.io.image_file import DTYPES, Array, ImageFile, Resolution, check_size, to_integers, with_alpha, without_alpha
from pkn.io.tiff_exif import exif_tags, read_exif
from pkn.io.tiff_notes import planes_of, read_notes

LARGEST_RATIO = 2000  # of pixels to bytes; zlib reaches 1032, and pixels of 1 bit are rare
SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_UNITS = {1: "none", 2: "inch", 3: "cm"}
_UNIT_NUMBERS = {unit: number for number, unit in _UNITS.items()}


def read_tiff(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read a TIFF file."""
    with quiet_tifffile(), TiffFile(file) as tif:
        check_chain(tif)
        pages = [page for page in tif.pages if isinstance(page, TiffPage) and not page.is_reduced]
        if not pages:
            raise ValueError("it has no page of full resolution")
        for page in pages:
            check_header(page, max_pixels, tif.filehandle.size)
        check_total(pages, max_pixels, tif.filehandle.size)
        further = planes_of(tif, pages)
        if further is not None:
            check_size(
                pages[0].imagewidth,
                len(further) * pages[0].imagelength,
                max(max_pixels, LARGEST_RATIO * tif.filehandle.size),
            )
        decoded = [_pixels(page) for page in pages] if further is None else [(plane, None) for plane in further]
        return ImageFile(
            tuple(pixels for pixels, _ in decoded),
            tuple(alpha for _, alpha in decoded),
            profile=pages[0].iccprofile,
            exif=read_exif(file, tif, pages[0]),
            resolution=resolution_of(pages[0]),
            tiff_notes=read_notes(tif, pages[0]),
        )


def write_tiff(path: Path, image: ImageFile) -> None:
    """Write a TIFF file."""
    size = sum(page.nbytes for page in image.pages)
    # TIFF ends at 2**32 bytes; alpha may double the size.
    with TiffWriter(path, bigtiff=size > 2**30, byteorder=byteorder_of(image)) as writer:
        for number, (pixels, alpha) in enumerate(zip(image.pages, image.alpha, strict=True)):
            writer.write(
                with_alpha(pixels, alpha),
                extrasamples=None if alpha is None else ["unassalpha"],
                compression="zlib",
                predictor=True,
                contiguous=False,
                **page_tags(image, pixels.ndim == 3 or alpha is not None, None if number else pixels.shape[:2]),
            )


def byteorder_of(image: ImageFile) -> Any:
    """The byte order of the file that the image came from, in which its tags are; the machine's if there are none."""
    return image.tiff_notes.byteorder if image.tiff_notes and image.tiff_notes.tags else "="


def page_tags(image: ImageFile, several_samples: bool, size: tuple[int, ...] | None) -> dict[str, Any]:
    """Arguments of ``TiffWriter.write`` that describe a page, except for those about its samples.

    ``size`` (H, W) is that of the first page, which has the notes on all; None for the others.
    """
    x, y, unit = image.resolution or (1, 1, "none")
    notes: dict[str, Any] = {"extratags": []}
    if image.tiff_notes and size:
        notes = image.tiff_notes.fitted(size, image.pages[0].dtype).page_tags()
    return {
        **notes,
        "photometric": "minisblack" if image.channel_axis is None else "rgb",
        "planarconfig": "contig" if several_samples else None,
        "metadata": None,
        "software": False,
        "resolution": (x, y),
        "resolutionunit": _UNIT_NUMBERS[unit],
        "iccprofile": image.profile,
        "extratags": [*notes["extratags"], *exif_tags(image.exif)],
    }


@contextmanager
def quiet_tifffile() -> Iterator[None]:
    """Keep tifffile from logging about damaged files, for which an exception is raised instead."""

    def drop(record: logging.LogRecord) -> bool:  # a new function for each call: threads remove only their own filter
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


def check_chain(tif: TiffFile) -> None:
    """Raise if a page refers to one that isn't in the file, which tifffile ignores, or to an earlier one.

    Called before ``tif.pages`` is counted, which would never end.
    """
    layout, handle, seen = tif.tiff, tif.filehandle, set[int]()
    handle.seek(8 if tif.is_bigtiff else 4)
    while offset := _number(handle, layout.offsetformat):
        if offset in seen:
            raise ValueError("the file is damaged (its pages form a circle)")
        seen.add(offset)
        handle.seek(offset)
        handle.seek(offset + layout.tagnosize + _number(handle, layout.tagnoformat) * layout.tagsize)


def _number(handle: Any, layout: str) -> int:
    data = handle.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise ValueError("the file is cut off or damaged (a page is missing)")
    return int(struct.unpack(layout, data)[0])


def check_header(page: TiffPage, max_pixels: int, file_size: int) -> None:
    """Raise, before decoding, if a page is too large, not all in its file, or of a kind that isn't supported."""
    check_size(*sizes_of(page), max_pixels)
    check_size(page.tilewidth, page.tilelength, max_pixels)
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(parts) < math.prod(page.chunked) or any(size == 0 or start + size > file_size for start, size in parts):
        raise ValueError("the file is cut off or damaged (pixels are missing)")  # tifffile would return zeros
    if page.imagedepth != 1:
        raise ValueError(f"it has volumes {page.imagedepth} deep; expected flat pages")
    if page.bitspersample not in (1, 2, 4, 8, 16, 32, 64) or str(page.dtype) not in (*DTYPES, "bool"):
        came = f"{page.bitspersample}-bit {page.dtype or 'unknown'}"
        raise ValueError(f"its pixels are {came}; expected 1-bit or {', '.join(DTYPES)}")
    if page.samplesperpixel not in _allowed_samples(page):
        raise ValueError(f"it has {page.samplesperpixel} samples a pixel; expected grey or RGB, with or without alpha")


def sizes_of(page: TiffPage) -> tuple[int, int]:
    """Width and length of a page, which damaged tags may have made something else than numbers."""
    sizes = page.imagewidth, page.imagelength, page.tilewidth, page.tilelength
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError(f"the file is damaged (its sizes are {sizes})")
    return page.imagewidth, page.imagelength


def check_total(pages: list[TiffPage], max_pixels: int, file_size: int) -> None:
    """Raise if the pages together are larger than can come from such a file: several may refer to the same pixels."""
    total = sum(page.imagewidth * page.imagelength for page in pages)
    if total > max_pixels and total > LARGEST_RATIO * file_size:
        raise ValueError(f"its pages have {total} pixels together, {total // file_size} for each byte of the file")


def _allowed_samples(page: TiffPage) -> tuple[int, ...]:
    """Numbers of samples that a pixel of the page's photometric interpretation may have, without and with alpha."""
    kind = page.photometric
    if kind == PHOTOMETRIC.RGB or (kind == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG):
        return 3, 4  # tifffile decodes YCbCr in JPEG to RGB
    if kind == PHOTOMETRIC.MINISBLACK or (kind == PHOTOMETRIC.MINISWHITE and str(page.dtype)[0] in "ub"):
        return 1, 2
    if kind == PHOTOMETRIC.PALETTE and page.colormap is not None:
        return (1,)
    raise ValueError(f"its colours are {getattr(kind, 'name', kind)}; expected grey, RGB or a palette")


def _pixels(page: TiffPage) -> tuple[Array, Array | None]:
    raw = page.asarray(squeeze=False)  # planes, depth, rows, columns, samples
    samples = np.moveaxis(raw[:, 0], 0, -2).reshape(*raw.shape[2:4], -1)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if page.photometric == PHOTOMETRIC.PALETTE:
        palette = to_integers(np.asarray(page.colormap, np.uint16), np.uint8).T
        return palette[samples[..., 0].astype(np.intp)], None
    if page.bitspersample < 8:
        samples = samples.astype(np.uint8) * np.uint8(255 // (2**page.bitspersample - 1))
    pixels, alpha = without_alpha(samples)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        pixels = np.iinfo(pixels.dtype).max - pixels
    if alpha is not None and page.extrasamples[:1] == (EXTRASAMPLE.ASSOCALPHA,):
        pixels = _unpremultiplied(pixels, alpha)
    return pixels, alpha


def _unpremultiplied(pixels: Array, alpha: Array) -> Array:
    floating = pixels.dtype.kind == "f"
    full_range = 1 if floating else np.iinfo(pixels.dtype).max
    opacity = alpha if pixels.ndim == 2 else alpha[..., None]
    exact = np.zeros(pixels.shape)
    np.divide(pixels.astype(np.float64) * full_range, opacity, out=exact, where=opacity > 0)
    return (exact if floating else np.rint(exact.clip(0, full_range))).astype(pixels.dtype)


def resolution_of(page: TiffPage) -> Resolution | None:
    """Resolution of a page, or None."""
    (x, y), unit = page.resolution, _UNITS.get(page.resolutionunit)
    if unit is None or min(x, y) <= 0 or (x, y) == (1, 1):  # tifffile returns (1, 1) if there is none
        return None
    return x, y, unit
