"""The content of an image file, and what the formats share: checks, alpha channels and conversion to integers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkn.filters.arrays import rounded
from pkn.io.tiff_notes import TiffNotes

Array = NDArray[Any]
Resolution = tuple[float, float, str]

DTYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64")
UNITS = ("inch", "cm", "none")
EXIF_PREFIX = b"Exif\0\0"


@dataclass(frozen=True, eq=False)
class ImageFile:
    r"""The content of an image file.

    Parameters
    ----------
    pages : sequence of array
        One array for each page, of shape (H, W) for grey or (H, W, 3) for RGB (the same kind for all pages), with the
        dtype of the file: one of ``DTYPES``. Only TIFF has several pages.
    alpha : sequence of array or None, optional
        The opacity of each page, of shape (H, W) and the page's dtype, or None. Colours are not premultiplied by it.
        By default it is None for all pages.
    profile : bytes, optional
        ICC profile.
    exif : bytes, optional
        EXIF block as in a JPEG file, starting with ``Exif\0\0``. Pixels are as stored: an orientation given in the
        block has not been applied.
    resolution : (float, float, str), optional
        ``(x, y, unit)``: pixels per ``"inch"`` or ``"cm"``; with the unit ``"none"`` only the ratio has a meaning.
    png_colour : sequence of (bytes, bytes)
        The colour chunks of PNG (gAMA, cHRM, sRGB, cICP) as ``(name, data)``. They are kept from PNG to PNG.
    tiff_notes : TiffNotes, optional
        What a TIFF file says of its pages (OME-XML, ImageJ's notes). Kept from TIFF to TIFF.
    fits_header : str, optional
        The header of a FITS image. Kept from FITS to FITS.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.io.images import ImageFile
    >>> image = ImageFile((np.zeros((4, 6, 3), np.uint8),), resolution=(300.0, 300.0, "inch"))
    >>> image.channel_axis
    -1
    >>> grey = image.with_pages([image.pages[0].mean(2)])
    >>> grey.pages[0].shape, grey.channel_axis, grey.resolution
    ((4, 6), None, (300.0, 300.0, 'inch'))
    """

    pages: tuple[Array, ...]
    alpha: tuple[Array | None, ...] = ()
    profile: bytes | None = None
    exif: bytes | None = None
    resolution: Resolution | None = None
    png_colour: tuple[tuple[bytes, bytes], ...] = ()
    tiff_notes: TiffNotes | None = None
    fits_header: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", tuple(self.pages))
        object.__setattr__(self, "alpha", tuple(self.alpha) or (None,) * len(self.pages))
        _check_metadata(self)
        if not self.pages:
            raise ValueError("pages is empty; expected at least one page")
        if len(self.alpha) != len(self.pages):
            came = f"{len(self.alpha)} for {len(self.pages)} pages"
            raise ValueError(f"number of alpha channels is {came}; expected one array or None for each page")
        for number, (page, alpha) in enumerate(zip(self.pages, self.alpha, strict=True)):
            check_page(f"page {number}", page)
            check_alpha(f"alpha {number}", page, alpha)
        if len({page.ndim for page in self.pages}) > 1:
            raise ValueError("pages is a mixture: some are grey and some are RGB; expected all of one kind")

    @property
    def channel_axis(self) -> int | None:
        """-1 if the pages are RGB, None if they are grey."""
        return None if self.pages[0].ndim == 2 else -1

    @property
    def masks(self) -> tuple[NDArray[np.bool_] | None, ...]:
        """For each page, where it isn't wholly transparent, (H, W); None without alpha, and where nothing else is."""
        return tuple(None if alpha is None or not alpha.any() else alpha > 0 for alpha in self.alpha)

    def with_pages(self, pages: Sequence[Array]) -> "ImageFile":
        """Return a copy with other pixels and everything else kept.

        Parameters
        ----------
        pages : sequence of array of shape (H, W) or (H, W, 3)
            As many as there are now. A page with alpha must keep its size and dtype.

        Returns
        -------
        ImageFile

        Raises
        ------
        TypeError, ValueError
            If the number of pages is another, or :class:`ImageFile` doesn't take the arrays.
        """
        if len(pages) != len(self.pages):
            raise ValueError(f"number of pages is {len(pages)}; expected {len(self.pages)} as before")
        return replace(self, pages=tuple(pages))


def check_page(name: str, page: object) -> None:
    """Raise if ``page`` is not an array of pixels that an image file can hold."""
    if not isinstance(page, np.ndarray):
        raise TypeError(f"{name} is {type(page).__name__}; expected a NumPy array")
    if page.dtype.name not in DTYPES or not page.dtype.isnative:
        raise ValueError(f"{name} has dtype {page.dtype}; expected one of {', '.join(DTYPES)}")
    if not (page.ndim == 2 or (page.ndim == 3 and page.shape[2] == 3)) or page.size == 0:
        raise ValueError(f"{name} has shape {page.shape}; expected (H, W) or (H, W, 3), not empty")


def check_alpha(name: str, page: Array, alpha: object) -> None:
    """Raise if ``alpha`` is neither None nor an alpha channel for ``page``."""
    if alpha is None:
        return
    if not isinstance(alpha, np.ndarray):
        raise TypeError(f"{name} is {type(alpha).__name__}; expected a NumPy array or None")
    if alpha.shape != page.shape[:2] or alpha.dtype != page.dtype:
        came, expected = f"{alpha.dtype} {alpha.shape}", f"{page.dtype} {page.shape[:2]}"
        raise ValueError(f"{name} is {came}; expected {expected} as its page")


def _check_metadata(image: ImageFile) -> None:
    for name, block in (("profile", image.profile), ("exif", image.exif)):
        if block is not None and not isinstance(block, bytes):
            raise TypeError(f"{name} is {type(block).__name__}; expected bytes or None")
    if image.resolution is not None:
        x, y, unit = image.resolution
        if unit not in UNITS or not (0 < x < math.inf and 0 < y < math.inf):
            raise ValueError(f"resolution is {image.resolution}; expected two positive numbers and inch, cm or none")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise if an image has more than ``max_pixels`` pixels; called before the pixels are decoded."""
    if width * height > max_pixels:
        raise ValueError(f"it has {width} x {height} pixels, more than max_pixels = {max_pixels}")


def check_one_page(file_format: str, image: ImageFile, largest_side: int) -> None:
    """Raise if a format of one page, with sides of at most ``largest_side`` pixels, can't hold the image."""
    if len(image.pages) > 1:
        raise ValueError(f"number of pages is {len(image.pages)}; expected 1 for {file_format}, or a .tif path")
    shape = image.pages[0].shape
    if max(shape[:2]) > largest_side:
        raise ValueError(f"image has shape {shape}; expected at most {largest_side} a side for {file_format}")


def with_alpha(pixels: Array, alpha: Array | None) -> Array:
    """Pixels with alpha, unless it is None, as their last channel."""
    return np.ascontiguousarray(pixels if alpha is None else np.dstack((pixels, alpha)))


def without_alpha(samples: Array) -> tuple[Array, Array | None]:
    """Split samples of shape (H, W, 1 to 4) into grey or RGB pixels and alpha."""
    colours = 1 if samples.shape[2] < 3 else 3
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = np.ascontiguousarray(samples[..., colours]) if samples.shape[2] > colours else None
    return np.ascontiguousarray(pixels), alpha


def to_integers(values: Array, dtype: type[np.unsignedinteger[Any]]) -> Array:
    """Convert pixels to ``dtype``, uint8 or uint16, without widening integers.

    Parameters
    ----------
    values : array
        Floats, of which [0, 1] is the full range: they are clipped and rounded in float64, NaN becomes 0. Or uint8 or
        uint16.
    dtype : numpy.uint8 or numpy.uint16

    Returns
    -------
    array of the same shape
        Of ``dtype``; but uint8 stays uint8.

    Raises
    ------
    ValueError
        For other integers, whose full range isn't known.
    """
    if values.dtype.kind == "f":
        return rounded(values.astype(np.float64), np.dtype(dtype))
    if values.dtype == np.uint16 and dtype is np.uint8:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is 65535 / 255
    if values.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"image has dtype {values.dtype}; expected uint8, uint16 or floats, or a .tif or .npy path")
    return values


def with_exif_prefix(exif: bytes) -> bytes:
    """The EXIF block, starting with ``EXIF_PREFIX`` whether it did before or not."""
    return EXIF_PREFIX + exif.removeprefix(EXIF_PREFIX)
