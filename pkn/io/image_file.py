"""What the image formats share: the content of a file, its checks, and the few conversions between formats."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Resolution = tuple[float, float, str]

DTYPES = ("uint8", "uint16", "float16", "float32", "float64")
UNITS = ("inch", "cm", "none")
EXIF_MARK = b"Exif\0\0"


@dataclass(frozen=True, eq=False)
class ImageFile:
    r"""The content of an image file.

    Attributes
    ----------
    pages
        One array per page, `(H, W)` grey or `(H, W, 3)` RGB (all pages alike), of the dtype in
        the file: uint8, uint16, float16, float32 or float64. Only TIFF has several pages.
    alpha
        For each page its opacity, `(H, W)` of the page's dtype, or None. Not premultiplied.
        Left empty, it means None for all.
    profile
        ICC profile, or None.
    exif
        EXIF block as in a JPEG file, starting with ``Exif\0\0``, or None. Pixels are as
        stored: an orientation given in here has not been applied.
    resolution
        `(x, y, unit)`: pixels per ``"inch"`` or ``"cm"``, or with ``"none"`` only a ratio.
    png_colour
        PNG's own colour chunks (gAMA, cHRM, sRGB, cICP) as `(name, data)`; kept from PNG to PNG.

    Raises
    ------
    TypeError, ValueError
        Arrays of another kind than described.
    """

    pages: tuple[Array, ...]
    alpha: tuple[Array | None, ...] = ()
    profile: bytes | None = None
    exif: bytes | None = None
    resolution: Resolution | None = None
    png_colour: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pages", tuple(self.pages))
        object.__setattr__(self, "alpha", tuple(self.alpha) or (None,) * len(self.pages))
        _check_metadata(self)
        if not self.pages:
            raise ValueError("pages: got none, expected at least one")
        if len(self.alpha) != len(self.pages):
            raise ValueError(f"alpha: got {len(self.alpha)} for {len(self.pages)} pages, expected one each (or None)")
        for number, (page, alpha) in enumerate(zip(self.pages, self.alpha, strict=True)):
            check_page(f"page {number}", page)
            check_alpha(f"alpha {number}", page, alpha)
        if len({page.ndim for page in self.pages}) > 1:
            raise ValueError("pages: some are grey and some are RGB, expected all alike")

    @property
    def channel_axis(self) -> int | None:
        """-1 where the pages are RGB, None where they are grey."""
        return None if self.pages[0].ndim == 2 else -1

    def with_pages(self, pages: Sequence[Array]) -> "ImageFile":
        """Return a copy with other pixels and everything else kept.

        Parameters
        ----------
        pages
            As many arrays as there are pages, `(H, W)` or `(H, W, 3)`. A page with alpha must keep
            its size and dtype.

        Raises
        ------
        TypeError, ValueError
            Another number of pages, or arrays that `ImageFile` doesn't take.
        """
        if len(pages) != len(self.pages):
            raise ValueError(f"pages: got {len(pages)}, expected {len(self.pages)} as before")
        return replace(self, pages=tuple(pages))


def check_page(name: str, page: object) -> None:
    """Refuse what is no page of pixels."""
    if not isinstance(page, np.ndarray):
        raise TypeError(f"{name}: got {type(page).__name__}, expected a NumPy array")
    if page.dtype.name not in DTYPES or not page.dtype.isnative:
        raise ValueError(f"{name}: got dtype {page.dtype}, expected one of {', '.join(DTYPES)}")
    if not (page.ndim == 2 or (page.ndim == 3 and page.shape[2] == 3)) or page.size == 0:
        raise ValueError(f"{name}: got shape {page.shape}, expected (H, W) or (H, W, 3), not empty")


def check_alpha(name: str, page: Array, alpha: object) -> None:
    """Refuse an alpha channel that does not fit its page."""
    if alpha is None:
        return
    if not isinstance(alpha, np.ndarray):
        raise TypeError(f"{name}: got {type(alpha).__name__}, expected a NumPy array or None")
    if alpha.shape != page.shape[:2] or alpha.dtype != page.dtype:
        got, expected = f"{alpha.dtype} {alpha.shape}", f"{page.dtype} {page.shape[:2]}"
        raise ValueError(f"{name}: got {got}, expected {expected} as its page")


def _check_metadata(image: ImageFile) -> None:
    for name, block in (("profile", image.profile), ("exif", image.exif)):
        if block is not None and not isinstance(block, bytes):
            raise TypeError(f"{name}: got {type(block).__name__}, expected bytes or None")
    if image.resolution is not None:
        x, y, unit = image.resolution
        if unit not in UNITS or not (0 < x < math.inf and 0 < y < math.inf):
            raise ValueError(f"resolution: got {image.resolution}, expected two positive numbers and inch, cm or none")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse more pixels than allowed, before decoding."""
    if width * height > max_pixels:
        raise ValueError(f"it has {width} x {height} pixels, more than max_pixels = {max_pixels}")


def check_one_page(form: str, image: ImageFile, most: int) -> None:
    """Refuse what a format of one page of limited side can't hold."""
    if len(image.pages) > 1:
        raise ValueError(f"image: got {len(image.pages)} pages, but {form} holds one; expected a .tif path")
    shape = image.pages[0].shape
    if max(shape[:2]) > most:
        raise ValueError(f"image: got shape {shape}, expected at most {most} a side for {form}")


def with_alpha(pixels: Array, alpha: Array | None) -> Array:
    """Samples with alpha as the last channel."""
    return np.ascontiguousarray(pixels if alpha is None else np.dstack((pixels, alpha)))


def without_alpha(samples: Array) -> tuple[Array, Array | None]:
    """Split `(H, W, 1 to 4)` into grey or RGB and alpha."""
    colours = 1 if samples.shape[2] < 3 else 3
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = np.ascontiguousarray(samples[..., colours]) if samples.shape[2] > colours else None
    return np.ascontiguousarray(pixels), alpha


def as_integer(values: Array, dtype: type[np.unsignedinteger[Any]]) -> Array:
    """Convert to uint8 or uint16 by the rule in `pkn.io.images.write_image`; what fits already stays."""
    if values.dtype.kind == "f":
        unit = np.clip(np.nan_to_num(values.astype(np.float64), posinf=1.0, neginf=0.0), 0.0, 1.0)
        return np.rint(unit * np.iinfo(dtype).max).astype(dtype)
    if values.dtype == np.uint16 and dtype is np.uint8:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is 65535 / 255
    return values


def exif_with_mark(exif: bytes) -> bytes:
    """An EXIF block that begins with its mark."""
    return EXIF_MARK + exif.removeprefix(EXIF_MARK)
