"""Reading and writing image files without losing what their pixels mean.

Bit depth, alpha, ICC profile, EXIF and resolution go from file to file. What a format can't
hold is converted by one stated rule (see `write_image`) or refused.
"""

import io
import logging
import math
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pkn._files import atomic_path

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

Array = NDArray[Any]

DEFAULT_MAX_PIXELS = 2**29
DTYPES = ("uint8", "uint16", "float16", "float32", "float64")
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}

_MAX_SIDE = {"PNG": 1_000_000, "JPEG": 65_500, "TIFF": 2**32 - 1}  # what the encoders take
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR = (b"cICP", b"cHRM", b"gAMA", b"sRGB")
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_EXIF_MARK = b"Exif\0\0"
_PHOTOSHOP_TAG, _PHOTOSHOP_EXIF = 34377, 1058
_PER_INCH = {"inch": 1.0, "cm": 2.54}


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The content of an image file.

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
        EXIF block as in a JPEG file, starting with ``Exif\\0\\0``, or None. Pixels are as
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
    resolution: tuple[float, float, str] | None = None
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
            _check_page(f"page {number}", page)
            _check_alpha(f"alpha {number}", page, alpha)
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
        The file can't be written (see `pkn._files.atomic_path`).
    """
    if not isinstance(image, ImageFile):
        raise TypeError(f"image: got {type(image).__name__}, expected an ImageFile")
    form = _format_for(path)
    if isinstance(quality, bool) or not isinstance(quality, int):
        raise TypeError(f"quality: got {quality!r}, expected an integer")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality: got {quality}, expected 1 to 100")
    _check_fits(image, form)
    with atomic_path(path) as temporary:
        if form == "TIFF":
            _write_tiff(temporary, image)
        else:
            temporary.write_bytes(_encode_jpeg(image, quality) if form == "JPEG" else _encode_png_file(image))


def encode_png(pixels: Array, alpha: Array | None = None, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    """Encode one 8- or 16-bit image as PNG.

    Parameters
    ----------
    pixels
        `(H, W)` or `(H, W, 3)`, uint8 or uint16.
    alpha
        `(H, W)` of the same dtype, or None.
    chunks
        Further PNG chunks as `(name, data)`, put before the pixels.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    TypeError, ValueError
        Arrays of another dtype or shape.
    """
    from imagecodecs import png_encode

    _check_page("pixels", pixels)
    _check_alpha("alpha", pixels, alpha)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels: got {pixels.dtype}, expected uint8 or uint16")
    encoded = bytes(png_encode(_with_alpha(pixels, alpha)))
    after_header = len(_PNG_SIGNATURE) + 25
    extra = b"".join(_png_chunk(name, data) for name, data in chunks)
    return encoded[:after_header] + extra + encoded[after_header:]


# Checks


def _check_page(name: str, page: object) -> None:
    if not isinstance(page, np.ndarray):
        raise TypeError(f"{name}: got {type(page).__name__}, expected a NumPy array")
    if page.dtype.name not in DTYPES or not page.dtype.isnative:
        raise ValueError(f"{name}: got dtype {page.dtype}, expected one of {', '.join(DTYPES)}")
    if not (page.ndim == 2 or (page.ndim == 3 and page.shape[2] == 3)) or page.size == 0:
        raise ValueError(f"{name}: got shape {page.shape}, expected (H, W) or (H, W, 3), not empty")


def _check_alpha(name: str, page: Array, alpha: object) -> None:
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
        if unit not in (*_PER_INCH, "none") or not (0 < x < math.inf and 0 < y < math.inf):
            raise ValueError(f"resolution: got {image.resolution}, expected two positive numbers and inch, cm or none")


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise ValueError(f"it has {width} x {height} pixels, more than max_pixels = {max_pixels}")


def _format_for(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix
    if suffix.lower() not in FORMATS:
        raise ValueError(f"path: got the suffix {suffix!r} in {os.fspath(path)!r}, expected {', '.join(FORMATS)}")
    return FORMATS[suffix.lower()]


def _check_fits(image: ImageFile, form: str) -> None:
    if form != "TIFF" and len(image.pages) > 1:
        raise ValueError(f"image: got {len(image.pages)} pages, but {form} holds one; expected a .tif path")
    if form == "JPEG" and image.alpha[0] is not None:
        raise ValueError("image: got alpha, which JPEG can't hold; expected a .png or .tif path")
    for page in image.pages:
        if max(page.shape[:2]) > _MAX_SIDE[form]:
            raise ValueError(f"image: got shape {page.shape}, expected at most {_MAX_SIDE[form]} a side for {form}")
    if form == "JPEG" and len(image.exif or b"") > 65_533:
        raise ValueError(f"image: got {len(image.exif or b'')} bytes of EXIF, expected at most 65533 for JPEG")


# Pixels


def _with_alpha(pixels: Array, alpha: Array | None) -> Array:
    return np.ascontiguousarray(pixels if alpha is None else np.dstack((pixels, alpha)))


def _without_alpha(samples: Array) -> tuple[Array, Array | None]:
    """Split `(H, W[, 1 to 4])` into grey or RGB and alpha."""
    if samples.ndim == 2:
        return samples, None
    colours = samples.shape[2] - (samples.shape[2] + 1) % 2
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = samples[..., colours] if colours < samples.shape[2] else None
    return np.ascontiguousarray(pixels), None if alpha is None else np.ascontiguousarray(alpha)


def _as_integer(values: Array, dtype: type[np.unsignedinteger[Any]]) -> Array:
    """Convert to uint8 or uint16 by the rule in `write_image`; what fits already stays."""
    if values.dtype.kind == "f":
        unit = np.clip(np.nan_to_num(values.astype(np.float64), posinf=1.0, neginf=0.0), 0.0, 1.0)
        return np.rint(unit * np.iinfo(dtype).max).astype(dtype)
    if values.dtype == np.uint16 and dtype is np.uint8:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is 65535 / 255
    return values


def _full_range(values: Array, bits: int) -> Array:
    """Scale 1-, 2- and 4-bit values to 8 bit."""
    return values if bits >= 8 else values.astype(np.uint8) * np.uint8(255 // (2**bits - 1))


def _unpremultiplied(pixels: Array, alpha: Array) -> Array:
    floating = pixels.dtype.kind == "f"
    top = 1 if floating else np.iinfo(pixels.dtype).max
    cover = alpha if pixels.ndim == 2 else alpha[..., None]
    exact = np.zeros(pixels.shape)
    np.divide(pixels.astype(np.float64) * top, cover, out=exact, where=cover > 0)
    return (exact if floating else np.rint(exact.clip(0, top))).astype(pixels.dtype)


# Metadata


def _exif_with_mark(exif: bytes) -> bytes:
    return _EXIF_MARK + exif.removeprefix(_EXIF_MARK)


def _exif_orientation(exif: bytes | None) -> int | None:
    """The orientation (1 to 8) in the first directory of an EXIF block, if there is one."""
    block = (exif or b"").removeprefix(_EXIF_MARK)
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", block, entry)
            if tag == 274:
                return value if 1 <= value <= 8 else None
    except struct.error:  # a damaged block is carried along unread
        pass
    return None


def _per_inch(resolution: tuple[float, float, str] | None) -> tuple[float, float] | None:
    if resolution is None or resolution[2] not in _PER_INCH:
        return None
    factor = _PER_INCH[resolution[2]]
    return resolution[0] * factor, resolution[1] * factor


def _read(file: BinaryIO, max_pixels: int) -> ImageFile:
    start = file.read(8)
    file.seek(0)
    if start == _PNG_SIGNATURE:
        return _read_png(file, max_pixels)
    if start[:3] == b"\xff\xd8\xff":
        return _read_jpeg(file, max_pixels)
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _read_tiff(file, max_pixels)
    raise ValueError("it is not a PNG, JPEG or TIFF file")


# PNG


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield `(name, data)` of each chunk to the last; raise where one is damaged or missing."""
    position = len(_PNG_SIGNATURE)
    name = b""
    while name != b"IEND":
        if len(data) < position + 12:
            raise ValueError("the file is cut off")
        size, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + size
        if len(data) < end:
            raise ValueError("the file is cut off")
        if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"the file is damaged (checksum of {name!r})")
        yield name, data[position + 8 : end - 4]
        position = end


def _read_png(file: BinaryIO, max_pixels: int) -> ImageFile:
    from imagecodecs import png_decode

    header = file.read(33)
    if len(header) < 33 or header[12:16] != b"IHDR":
        raise ValueError("the PNG header is cut off or damaged")
    width, height = struct.unpack(">II", header[16:24])
    _check_size(width, height, max_pixels)
    chunks = list(_png_chunks(header + file.read()))
    extra = dict(chunk for chunk in chunks if chunk[0] not in _PNG_PIXELS)
    if b"acTL" in extra:
        raise ValueError("it is an animated PNG, expected a still one")
    # The decoder sees pixels only, so that it doesn't print its opinion of the rest.
    plain = _PNG_SIGNATURE + b"".join(_png_chunk(*chunk) for chunk in chunks if chunk[0] in _PNG_PIXELS)
    pixels, alpha = _without_alpha(png_decode(plain))
    return ImageFile(
        (pixels,),
        (alpha,),
        profile=_png_profile(extra.get(b"iCCP")),
        exif=_exif_with_mark(extra[b"eXIf"]) if b"eXIf" in extra else None,
        resolution=_png_resolution(extra.get(b"pHYs")),
        png_colour=tuple((name, extra[name]) for name in _PNG_COLOUR if name in extra),
    )


def _png_profile(chunk: bytes | None) -> bytes | None:
    if chunk is None:
        return None
    packed = chunk[chunk.index(b"\0") + 2 :]  # after the name and the byte for the method
    unpacker = zlib.decompressobj()
    profile = unpacker.decompress(packed, 2**26)  # no honest profile is larger
    if not unpacker.eof:
        raise ValueError("its ICC profile is damaged or larger than 64 MiB")
    return profile


def _png_resolution(chunk: bytes | None) -> tuple[float, float, str] | None:
    if chunk is None:
        return None
    x, y, unit = struct.unpack(">IIB", chunk)
    if x == 0 or y == 0:
        return None
    return (x / 100, y / 100, "cm") if unit == 1 else (float(x), float(y), "none")


def _encode_png_file(image: ImageFile) -> bytes:
    pixels, alpha = image.pages[0], image.alpha[0]
    chunks = list(image.png_colour)
    if image.profile is not None:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(image.profile)))
    if image.resolution is not None:
        unit = image.resolution[2]
        scale = {"inch": 1 / 0.0254, "cm": 100.0}.get(unit, 1.0)  # PNG counts per metre
        x, y = (round(value * scale) for value in image.resolution[:2])
        if max(x, y) < 2**31:
            chunks.append((b"pHYs", struct.pack(">IIB", x, y, unit in _PER_INCH)))
    if image.exif is not None:
        chunks.append((b"eXIf", image.exif.removeprefix(_EXIF_MARK)))
    return encode_png(_as_integer(pixels, np.uint16), None if alpha is None else _as_integer(alpha, np.uint16), chunks)


# JPEG

_PILLOW_LOCK = threading.Lock()


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Let Pillow refuse files that are cut off, whatever the program around has set."""
    from PIL import ImageFile as PillowFile

    with _PILLOW_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd EXIF, which is carried along unread
        before = PillowFile.LOAD_TRUNCATED_IMAGES
        PillowFile.LOAD_TRUNCATED_IMAGES = False
        try:
            yield
        finally:
            PillowFile.LOAD_TRUNCATED_IMAGES = before


def _read_jpeg(file: BinaryIO, max_pixels: int) -> ImageFile:
    from PIL.JpegImagePlugin import JpegImageFile

    with _strict_pillow():
        # Not Image.open, whose own limit on pixels would come before ours.
        picture = JpegImageFile(file)
        _check_size(*picture.size, max_pixels)
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"it is a {picture.mode} JPEG, expected grey or RGB")
        picture.load()
    info = picture.info
    unit = {1: "inch", 2: "cm"}.get(info.get("jfif_unit", 0))
    density = info.get("jfif_density", (0, 0))
    return ImageFile(
        (np.array(picture),),
        profile=info.get("icc_profile"),
        exif=info.get("exif"),
        resolution=(float(density[0]), float(density[1]), unit) if unit and min(density) > 0 else None,
    )


def _encode_jpeg(image: ImageFile, quality: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    density = _per_inch(image.resolution)
    options: dict[str, Any] = {"icc_profile": image.profile}
    options["dpi"] = density if density is not None and max(density) < 2**16 - 1 else None
    options["exif"] = _exif_with_mark(image.exif) if image.exif is not None else None
    given = {name: value for name, value in options.items() if value is not None}
    picture = Image.fromarray(_as_integer(image.pages[0], np.uint8))
    picture.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", **given)
    return buffer.getvalue()


# TIFF


@contextmanager
def _quiet_tifffile() -> Iterator[None]:
    """Keep tifffile from logging about a damaged file, which gets one error of ours."""

    def nothing(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _read_tiff(file: BinaryIO, max_pixels: int) -> ImageFile:
    from tifffile import TiffFile, TiffPage

    with _quiet_tifffile(), TiffFile(file) as tif:
        every = [page for page in tif.pages if isinstance(page, TiffPage)]
        pages = [page for page in every if not page.is_reduced]
        if not pages:
            raise ValueError("it has no page of full resolution")
        _check_tiff_chain(tif, every[-1])
        for page in pages:
            _check_tiff_page(page, max_pixels, tif.filehandle.size)
        decoded = [_tiff_pixels(page) for page in pages]
        return ImageFile(
            tuple(pixels for pixels, _ in decoded),
            tuple(alpha for _, alpha in decoded),
            profile=pages[0].iccprofile,
            exif=_tiff_exif(file, tif, pages[0]),
            resolution=_tiff_resolution(pages[0]),
        )


def _check_tiff_chain(tif: "TiffFile", last: "TiffPage") -> None:
    """Raise where the last page read names a further one: tifffile passes over a file cut off there."""
    layout, handle = tif.tiff, tif.filehandle
    handle.seek(last.offset)
    (tags,) = struct.unpack(layout.tagnoformat, handle.read(layout.tagnosize))
    handle.seek(last.offset + layout.tagnosize + tags * layout.tagsize)
    (following,) = struct.unpack(layout.offsetformat, handle.read(layout.offsetsize))
    if following:
        raise ValueError("the file is cut off or damaged (a page is missing)")


def _check_tiff_page(page: "TiffPage", max_pixels: int, file_size: int) -> None:
    _check_size(page.imagewidth, page.imagelength, max_pixels)
    _check_size(page.tilewidth, page.tilelength, max_pixels)
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(parts) < math.prod(page.chunked) or any(size == 0 or start + size > file_size for start, size in parts):
        raise ValueError("the file is cut off or damaged (pixels are missing)")  # tifffile would give zeros
    if page.imagedepth != 1:
        raise ValueError(f"it has volumes {page.imagedepth} deep, expected flat pages")
    if page.bitspersample not in (1, 2, 4, 8, 16, 32, 64) or str(page.dtype) not in (*DTYPES, "bool"):
        got = f"{page.bitspersample}-bit {page.dtype or 'unknown'}"
        raise ValueError(f"its pixels are {got}, expected 1-bit or {', '.join(DTYPES)}")
    extra = page.samplesperpixel - _tiff_colours(page)
    if extra not in (0, 1):
        raise ValueError(f"it has {page.samplesperpixel} samples a pixel, expected grey or RGB, with or without alpha")


def _tiff_colours(page: "TiffPage") -> int:
    """How many samples of a pixel are colour (a palette's index counts as one)."""
    from tifffile import COMPRESSION, PHOTOMETRIC

    kind = page.photometric
    if kind == PHOTOMETRIC.RGB or (kind == PHOTOMETRIC.YCBCR and page.compression == COMPRESSION.JPEG):
        return 3  # tifffile decodes YCbCr in JPEG to RGB
    if kind == PHOTOMETRIC.MINISBLACK or (kind == PHOTOMETRIC.PALETTE and page.colormap is not None):
        return 1
    if kind == PHOTOMETRIC.MINISWHITE and page.dtype is not None and page.dtype.kind != "f":
        return 1
    raise ValueError(f"its colours are {getattr(kind, 'name', kind)}, expected grey, RGB or a palette")


def _tiff_pixels(page: "TiffPage") -> tuple[Array, Array | None]:
    from tifffile import EXTRASAMPLE, PHOTOMETRIC

    raw = page.asarray(squeeze=False)  # planes, depth, rows, columns, samples
    samples = np.moveaxis(raw[:, 0], 0, -2).reshape(*raw.shape[2:4], -1)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    colours = _tiff_colours(page)
    pixels = samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = samples[..., colours] if samples.shape[2] > colours else None
    if page.photometric == PHOTOMETRIC.PALETTE:
        palette = np.moveaxis(_as_integer(np.asarray(page.colormap, np.uint16), np.uint8), 0, -1)
        pixels = palette[pixels.astype(np.intp)]
        alpha = None if alpha is None else _as_integer(alpha, np.uint8)
    else:
        pixels = _full_range(pixels, page.bitspersample)
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        pixels = np.iinfo(pixels.dtype).max - pixels
    if alpha is not None:
        alpha = np.ascontiguousarray(_full_range(alpha, page.bitspersample))
        if page.extrasamples[:1] == (EXTRASAMPLE.ASSOCALPHA,):
            pixels = _unpremultiplied(pixels, alpha)
    return np.ascontiguousarray(pixels), alpha


def _tiff_resolution(page: "TiffPage") -> tuple[float, float, str] | None:
    ratios = [page.tags.valueof(tag, default=(1, 1)) for tag in (282, 283)]
    unit = {1: "none", 3: "cm"}.get(int(page.tags.valueof(296, default=2)), "inch")
    if any(below == 0 for _, below in ratios):
        return None
    x, y = (above / below for above, below in ratios)
    return None if min(x, y) <= 0 or (x, y) == (1, 1) else (x, y, unit)


def _tiff_exif(file: BinaryIO, tif: "TiffFile", page: "TiffPage") -> bytes | None:
    """The EXIF block that `_write_tiff` stored, or one made of the file's own tags."""
    stored = _photoshop_exif(page.tags.valueof(_PHOTOSHOP_TAG, default=b""))
    if stored is not None:
        return stored
    try:
        return _exif_of_tags(file, tif, page)
    except Exception:  # noqa: BLE001 - Pillow raises nearly anything on damaged tags; the pixels are good
        return None


def _exif_of_tags(file: BinaryIO, tif: "TiffFile", page: "TiffPage") -> bytes | None:
    from PIL.Image import Exif

    exif, found = Exif(), Exif()
    exif.endian = found.endian = tif.byteorder
    found.bigtiff = tif.is_bigtiff
    with _strict_pillow():
        found.load_from_fp(file, page.offset)
        for tag in (271, 272, 274, 306, 315, 33432):  # make, model, orientation, date, artist, copyright
            if tag in found and (tag, found[tag]) != (274, 1):
                exif[tag] = found[tag]
        for tag in (34665, 34853):  # the EXIF and GPS directories
            if tag in found:
                inner = found.get_ifd(tag)
                exif[tag] = {key: value for key, value in inner.items() if key != 40965}  # a pointer that would break
        return exif.tobytes() if len(exif) else None


def _photoshop_exif(block: bytes) -> bytes | None:
    position = 0
    while block[position : position + 4] == b"8BIM" and len(block) >= position + 12:
        (number,) = struct.unpack_from(">H", block, position + 4)
        position += 6 + (block[position + 6] + 2) // 2 * 2  # past a name of even length
        (size,) = struct.unpack_from(">I", block, position)
        if number == _PHOTOSHOP_EXIF:
            return _exif_with_mark(block[position + 4 : position + 4 + size])
        position += 4 + size + size % 2
    return None


def _tiff_extra_tags(image: ImageFile) -> list[tuple[int, int, int, Any, bool]]:
    if image.exif is None:
        return []
    block = image.exif.removeprefix(_EXIF_MARK)
    resource = struct.pack(">4sHHI", b"8BIM", _PHOTOSHOP_EXIF, 0, len(block)) + block + b"\0" * (len(block) % 2)
    tags: list[tuple[int, int, int, Any, bool]] = [(_PHOTOSHOP_TAG, 1, len(resource), resource, True)]
    orientation = _exif_orientation(block)
    return tags if orientation is None else [*tags, (274, 3, 1, orientation, True)]


def _write_tiff(path: Path, image: ImageFile) -> None:
    from tifffile import TiffWriter

    size = sum(page.nbytes * (page.ndim + 1) for page in image.pages)  # with alpha and room to spare
    x, y, unit = image.resolution or (1, 1, "none")
    with TiffWriter(path, bigtiff=size > 2**32) as writer:
        for pixels, alpha in zip(image.pages, image.alpha, strict=True):
            samples = _with_alpha(pixels, alpha)
            writer.write(
                samples,
                photometric="minisblack" if pixels.ndim == 2 else "rgb",
                planarconfig="contig" if samples.ndim == 3 else None,
                extrasamples=None if alpha is None else ["unassalpha"],
                compression="zlib",
                predictor=True,
                contiguous=False,
                metadata=None,
                software=False,
                resolution=(x, y),
                resolutionunit={"inch": "INCH", "cm": "CENTIMETER"}.get(unit, "NONE"),
                iccprofile=image.profile,
                extratags=_tiff_extra_tags(image),
            )
