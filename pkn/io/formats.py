"""The image formats: how each is recognised, read and written, and what it keeps."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pkn.io import codec_formats, fits, jpeg, netpbm, npy, pillow_formats, png, tiff
from pkn.io.image_file import ImageFile


@dataclass(frozen=True)
class Format:
    """An image format.

    Parameters
    ----------
    name : str
    suffixes : tuple of str
        Lower case; the first is the usual one.
    recognises : callable
        Whether a file that begins with these bytes is of this format.
    read : callable
        ``read(file, max_pixels)`` gives the content.
    write : callable
        ``write(path, image, quality)``.
    keeps : frozenset of {"profile", "exif", "resolution"}
        Metadata that a file can hold.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read: Callable[[BinaryIO, int], ImageFile]
    write: Callable[[Path, ImageFile, int], None]
    keeps: frozenset[str] = frozenset()


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(signatures)


def _is_avif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and b"avif" in start[8:]


def _of_pillow(name: str) -> Callable[[BinaryIO, int], ImageFile]:
    return partial(pillow_formats.read_with_pillow, file_format=name)


SIGNATURE_SIZE = 32  # bytes, from which a format is recognised
ALL = frozenset({"profile", "exif", "resolution"})
FORMATS = (
    Format("PNG", (".png",), _begins(png.SIGNATURE), png.read_png, lambda p, i, q: png.write_png(p, i), ALL),
    Format("JPEG", (".jpg", ".jpeg"), _begins(jpeg.SIGNATURE), jpeg.read_jpeg, jpeg.write_jpeg, ALL),
    Format(
        "TIFF", (".tif", ".tiff"), _begins(*tiff.SIGNATURES), tiff.read_tiff, lambda p, i, q: tiff.write_tiff(p, i), ALL
    ),
    Format(
        "WebP",
        (".webp",),
        lambda start: start[:4] == b"RIFF" and start[8:12] == b"WEBP",
        _of_pillow("WebP"),
        pillow_formats.write_webp,
        frozenset({"profile", "exif"}),
    ),
    Format(
        "AVIF", (".avif",), _is_avif, codec_formats.read_avif, codec_formats.write_avif, frozenset({"profile", "exif"})
    ),
    Format(
        "JPEG 2000",
        (".jp2", ".j2k"),
        _begins(*codec_formats.JPEG2000_SIGNATURES),
        codec_formats.read_jpeg2000,
        codec_formats.write_jpeg2000,
    ),
    Format("GIF", (".gif",), _begins(b"GIF87a", b"GIF89a"), _of_pillow("GIF"), pillow_formats.write_gif),
    Format("NPY", (".npy",), _begins(npy.SIGNATURE), npy.read_npy, npy.write_npy),
    Format("FITS", (".fits", ".fit"), _begins(fits.SIGNATURE), fits.read_fits, fits.write_fits),
    # The last two have the shortest signatures.
    Format("BMP", (".bmp",), _begins(b"BM"), _of_pillow("BMP"), pillow_formats.write_bmp, frozenset({"resolution"})),
    Format(
        "PGM or PPM",
        (".ppm", ".pgm", ".pnm"),
        lambda start: start[:1] == b"P" and start[1:2] in b"1234567" and len(start) > 2,
        netpbm.read_netpbm,
        netpbm.write_netpbm,
    ),
)
SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)


def format_of_start(start: bytes) -> Format:
    """The format of a file that begins with these bytes, ``SIGNATURE_SIZE`` or all.

    Raises
    ------
    ValueError
        If it is of none.
    """
    for each in FORMATS:
        if each.recognises(start):
            return each
    raise ValueError(f"it is no {', '.join(each.name for each in FORMATS[:-1])} or {FORMATS[-1].name} file")


def format_of_file(path: str | os.PathLike[str]) -> Format:
    """The format of a file by its content.

    Raises
    ------
    ValueError
        If it is of none.
    """
    with open(path, "rb") as file:
        try:
            return format_of_start(file.read(SIGNATURE_SIZE))
        except ValueError as error:
            raise ValueError(f"cannot read {os.fspath(path)!r} as an image: {error}") from None


def format_of(path: str | os.PathLike[str]) -> Format:
    """The format that a path's suffix names.

    Raises
    ------
    ValueError
        If it names none.
    """
    suffix = Path(path).suffix
    for each in FORMATS:
        if suffix.lower() in each.suffixes:
            return each
    raise ValueError(f"path is {os.fspath(path)!r} with the suffix {suffix!r}; expected {', '.join(SUFFIXES)}")
