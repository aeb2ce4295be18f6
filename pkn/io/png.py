"""PNG: pixels by imagecodecs; the chunks around them, which it leaves out, by hand."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from imagecodecs import png_decode, png_encode

from pkn.io.image_file import (
    EXIF_MARK,
    Array,
    ImageFile,
    Resolution,
    as_integer,
    check_alpha,
    check_one_page,
    check_page,
    check_size,
    exif_with_mark,
    with_alpha,
    without_alpha,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MOST_A_SIDE = 1_000_000  # what libpng takes
_COLOUR = (b"cICP", b"cHRM", b"gAMA", b"sRGB")
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PER_METRE = {"inch": 1 / 0.0254, "cm": 100.0, "none": 1.0}


def read_png(file: BinaryIO, max_pixels: int) -> ImageFile:
    """The content of a PNG file."""
    header = file.read(33)
    if len(header) < 33 or header[12:16] != b"IHDR":
        raise ValueError("the PNG header is cut off or damaged")
    width, height = struct.unpack(">II", header[16:24])
    check_size(width, height, max_pixels)
    chunks = list(_chunks(header + file.read()))
    extra = dict(chunk for chunk in chunks if chunk[0] not in _PIXELS)
    if b"acTL" in extra:
        raise ValueError("it is an animated PNG, expected a still one")
    # The decoder sees pixels only, so that it doesn't print its opinion of the rest.
    plain = SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks if chunk[0] in _PIXELS)
    pixels, alpha = without_alpha(np.atleast_3d(png_decode(plain)))
    return ImageFile(
        (pixels,),
        (alpha,),
        profile=_profile(extra.get(b"iCCP")),
        exif=exif_with_mark(extra[b"eXIf"]) if b"eXIf" in extra else None,
        resolution=_resolution(extra.get(b"pHYs")),
        png_colour=tuple((name, extra[name]) for name in _COLOUR if name in extra),
    )


def write_png(path: Path, image: ImageFile) -> None:
    """Write a PNG file."""
    check_one_page("PNG", image, _MOST_A_SIDE)
    pixels = as_integer(image.pages[0], np.uint16)
    alpha = None if image.alpha[0] is None else as_integer(image.alpha[0], np.uint16)
    path.write_bytes(encode_png(pixels, alpha, list(_metadata_chunks(image))))


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
    check_page("pixels", pixels)
    check_alpha("alpha", pixels, alpha)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels: got {pixels.dtype}, expected uint8 or uint16")
    encoded = bytes(png_encode(with_alpha(pixels, alpha)))
    after_header = len(SIGNATURE) + 25
    extra = b"".join(_chunk(name, data) for name, data in chunks)
    return encoded[:after_header] + extra + encoded[after_header:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield `(name, data)` of each chunk to the last; raise where one is damaged or missing."""
    position = len(SIGNATURE)
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


def _profile(chunk: bytes | None) -> bytes | None:
    if chunk is None:
        return None
    packed = chunk[chunk.index(b"\0") + 2 :]  # after the name and the byte for the method
    unpacker = zlib.decompressobj()
    profile = unpacker.decompress(packed, 2**26)  # no honest profile is larger
    if not unpacker.eof:
        raise ValueError("its ICC profile is damaged or larger than 64 MiB")
    return profile


def _resolution(chunk: bytes | None) -> Resolution | None:
    if chunk is None:
        return None
    x, y, unit = struct.unpack(">IIB", chunk)
    if x == 0 or y == 0:
        return None
    return (x / 100, y / 100, "cm") if unit == 1 else (float(x), float(y), "none")


def _metadata_chunks(image: ImageFile) -> Iterator[tuple[bytes, bytes]]:
    yield from image.png_colour
    if image.profile is not None:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(image.profile)
    if image.resolution is not None:
        x, y, unit = image.resolution
        across, down = round(x * _PER_METRE[unit]), round(y * _PER_METRE[unit])
        if max(across, down) < 2**31:
            yield b"pHYs", struct.pack(">IIB", across, down, unit != "none")
    if image.exif is not None:
        yield b"eXIf", image.exif.removeprefix(EXIF_MARK)
