"""Reading and writing image files without losing what their pixels mean.

Bit depth, alpha, ICC profile, EXIF and resolution go from file to file. What a format can't
hold is converted by one stated rule (see `write_image`) or refused.
"""

import os
from pathlib import Path
from typing import BinaryIO

from pkn.io import jpeg, png, tiff
from pkn.io.atomic import atomic_path
from pkn.io.image_file import DTYPES, ImageFile
from pkn.io.png import encode_png

__all__ = ["DEFAULT_MAX_PIXELS", "DTYPES", "FORMATS", "ImageFile", "encode_png", "read_image", "write_image"]

DEFAULT_MAX_PIXELS = 2**29
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}


def read_image(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageFile:
    """Read a PNG, JPEG or TIFF file; its first bytes, not its name, say which.

    Palette images become RGB, 1-bit images grey 8 bit, 2- and 4-bit grey is scaled to 8 bit;
    a transparent palette entry or colour becomes alpha. In TIFF, min-is-white is inverted,
    premultiplied alpha is divided out, reduced copies (thumbnails) are left out.

    Parameters
    ----------
    path
        The file.
    max_pixels
        The most pixels that a page may have. Checked in the header, before decoding.

    Returns
    -------
    ImageFile
        Pixels and what belongs to them.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        There is no such file, or it can't be opened.
    ValueError
        The file is damaged, cut off, too large or of a kind that isn't supported.
    """
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int):
        raise TypeError(f"max_pixels: got {max_pixels!r}, expected an integer")
    if max_pixels < 1:
        raise ValueError(f"max_pixels: got {max_pixels}, expected at least 1")
    with open(path, "rb") as file:
        try:
            return _read(file, max_pixels)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise nearly anything on a damaged file
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's fault, not the file's
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"cannot read {os.fspath(path)!r} as an image: {reason}") from error


def write_image(path: str | os.PathLike[str], image: ImageFile, *, quality: int = 95) -> None:
    """Write an image file in the format that the suffix says; on failure, nothing is left behind.

    TIFF holds every dtype. PNG holds 8 and 16 bit: floats become 16 bit of [0, 1], clipped, NaN as 0.
    JPEG holds 8 bit: floats become 8 bit in the same way, and 16 bit is rounded to 8.
    ICC profile, EXIF and resolution are written in all three. TIFF carries EXIF unchanged in a
    Photoshop resource block, and its orientation also as a TIFF tag.

    Parameters
    ----------
    path
        The file: .png, .jpg, .jpeg, .tif or .tiff, in small letters or capitals.
    image
        What to write.
    quality
        JPEG quality, 1 to 100. JPEG colour is not subsampled.

    Raises
    ------
    TypeError
        An `image` that is no ImageFile, a `quality` that is no integer.
    ValueError
        Another suffix or quality; alpha to JPEG; several pages to PNG or JPEG; an image or EXIF
        block larger than the format takes.
    OSError
        The file can't be written (see `pkn.io.atomic.atomic_path`).
    """
    if not isinstance(image, ImageFile):
        raise TypeError(f"image: got {type(image).__name__}, expected an ImageFile")
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(f"path: got the suffix {suffix!r} in {os.fspath(path)!r}, expected {', '.join(FORMATS)}")
    if isinstance(quality, bool) or not isinstance(quality, int):
        raise TypeError(f"quality: got {quality!r}, expected an integer")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality: got {quality}, expected 1 to 100")
    with atomic_path(path) as temporary:
        match FORMATS[suffix.lower()]:
            case "PNG":
                png.write_png(temporary, image)
            case "JPEG":
                jpeg.write_jpeg(temporary, image, quality)
            case "TIFF":
                tiff.write_tiff(temporary, image)


def _read(file: BinaryIO, max_pixels: int) -> ImageFile:
    start = file.read(8)
    file.seek(0)
    if start.startswith(png.SIGNATURE):
        return png.read_png(file, max_pixels)
    if start.startswith(jpeg.SIGNATURE):
        return jpeg.read_jpeg(file, max_pixels)
    if start.startswith(tiff.SIGNATURES):
        return tiff.read_tiff(file, max_pixels)
    raise ValueError("it is not a PNG, JPEG or TIFF file")
