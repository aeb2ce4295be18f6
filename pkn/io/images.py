"""Reading and writing image files with their bit depth and metadata.

Bit depth, alpha, ICC profile, EXIF and resolution are kept from file to file. What a format can't hold is converted as
:func:`write_image` describes, or refused.
"""

import os
import warnings
from typing import BinaryIO

from pkn.filters.arrays import check_whole_number
from pkn.io.atomic import atomic_path
from pkn.io.formats import SIGNATURE_SIZE, SUFFIXES, format_of, format_of_start
from pkn.io.image_file import DTYPES, ImageFile
from pkn.io.png import encode_png

__all__ = ["DEFAULT_MAX_PIXELS", "DTYPES", "SUFFIXES", "ImageFile", "encode_png", "read_image", "write_image"]

DEFAULT_MAX_PIXELS = 2**29
HIGHEST_QUALITY = 100


def read_image(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageFile:
    """Read an image file; the format is recognised by its first bytes, not by the file's name.

    PNG, JPEG, TIFF (OME-TIFF and ImageJ's too), WebP, AVIF, JPEG 2000, BMP, GIF, PGM and PPM, NPY, and FITS (the extra
    ``astro``); docs/files.md says what each holds.

    Palette images become RGB, images of 1 bit become grey images of 8 bits, and grey of 2 or 4 bits is scaled to 8
    bits. A transparent palette entry or colour becomes alpha. In TIFF, min-is-white is inverted, premultiplied alpha is
    divided out, and reduced copies (thumbnails) are left out. CMYK JPEGs become sRGB. Values of 10 or 12 bits become
    fractions of the full range of 16.

    Parameters
    ----------
    path : str or path
        The file.
    max_pixels : int
        The most pixels that a page may have. They are counted from the header, before decoding.

    Returns
    -------
    ImageFile
        Pixels and metadata.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
        If there is no such file, or it can't be opened.
    ValueError
        If the file is damaged, cut off, too large or of a kind that isn't supported, or ``max_pixels`` isn't a whole
        number of at least 1.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.images import ImageFile, read_image, write_image
    >>> ramp = np.arange(24, dtype=np.uint16).reshape(4, 6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "ramp.png", ImageFile((ramp,), resolution=(10.0, 10.0, "cm")))
    ...     image = read_image(Path(folder) / "ramp.png")
    >>> np.array_equal(image.pages[0], ramp), image.pages[0].dtype.name, image.resolution
    (True, 'uint16', (10.0, 10.0, 'cm'))
    """
    check_whole_number("max_pixels", max_pixels)
    with open(path, "rb") as file:
        try:
            return _read(file, max_pixels)
        except MemoryError:
            raise
        except Exception as error:  # decoders raise nearly any type of exception for a damaged file
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the operating system failed to read, which says nothing about the file
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"cannot read {os.fspath(path)!r} as an image: {reason}") from error


def write_image(path: str | os.PathLike[str], image: ImageFile, *, quality: int = 95) -> None:
    """Write an image file in the format of the path's suffix. If writing fails, no partial file is left.

    TIFF and NPY hold every dtype. PNG, JPEG 2000 and PPM hold 8 and 16 bits, AVIF 8 and 12: floats are converted to 16
    bits of the range [0, 1], clipped, with NaN as 0. JPEG, WebP, BMP and GIF hold 8 bits: floats are converted in the
    same way, and 16 bits are rounded to 8. ICC profile, EXIF and resolution are written where the format has a place
    for them, else a warning names what is lost (docs/files.md has a table). TIFF carries EXIF unchanged in a Photoshop
    resource block, and its orientation also as a TIFF tag.

    Parameters
    ----------
    path : str or path
        The file: its suffix is one of ``SUFFIXES``, in lower or upper case.
    image : ImageFile
        What to write.
    quality : int
        Quality of JPEG, and of AVIF of 8 bits, 1 to 100; colours are not subsampled. All other formats are written
        without loss.

    Raises
    ------
    TypeError
        If ``image`` is not an ImageFile.
    ValueError
        If the suffix is another; ``quality`` is not a whole number from 1 to 100; the format can't hold the image's
        alpha, pages, colours or dtype; or the image or its EXIF block is larger than the format allows.
    OSError
        If the file can't be written (see :func:`pkn.io.atomic.atomic_path`).

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.images import ImageFile, read_image, write_image
    >>> image = ImageFile((np.linspace(-0.5, 1.5, 5).reshape(1, 5),))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "ramp.png", image)
    ...     read_image(Path(folder) / "ramp.png").pages[0].tolist()
    [[0, 0, 32768, 65535, 65535]]
    """
    if not isinstance(image, ImageFile):
        raise TypeError(f"image is {type(image).__name__}; expected an ImageFile")
    chosen = format_of(path)
    if check_whole_number("quality", quality) > HIGHEST_QUALITY:
        raise ValueError(f"quality is {quality}; expected a whole number from 1 to {HIGHEST_QUALITY}")
    lost = [name for name in ("profile", "exif", "resolution") if getattr(image, name) and name not in chosen.keeps]
    if lost:
        warnings.warn(
            f"{chosen.name} can't hold the image's {', '.join(lost)}; a .png or .tif path would", stacklevel=2
        )
    with atomic_path(path) as temporary:
        chosen.write(temporary, image, int(quality))


def _read(file: BinaryIO, max_pixels: int) -> ImageFile:
    start = file.read(SIGNATURE_SIZE)
    file.seek(0)
    return format_of_start(start).read(file, max_pixels)
