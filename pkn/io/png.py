"""Reading and writing PNG: imagecodecs codes the pixels, and this module the other chunks, which it ignores."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from imagecodecs import png_decode, png_encode

from pkn.io.image_file import (
    EXIF_PREFIX,
    Array,
    ImageFile,
    Resolution,
    check_alpha,
    check_one_page,
    check_page,
    check_size,
    to_integers,
    with_alpha,
    with_exif_prefix,
    without_alpha,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_LARGEST_SIDE = 1_000_000  # pixels; the limit of libpng
_COLOUR = (b"cICP", b"cHRM", b"gAMA", b"sRGB")
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PER_METRE = {"inch": 1 / 0.0254, "cm": 100.0, "none": 1.0}


def read_png(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read a PNG file."""
    header = file.read(33)
    if len(header) < 33 or header[12:16] != b"IHDR":
        raise ValueError("the PNG header is cut off or damaged")
    width, height = struct.unpack(">II", header[16:24])
    check_size(width, height, max_pixels)
    chunks = list(_chunks(header + file.read()))
    extra = dict(chunk for chunk in chunks if chunk[0] not in _PIXELS)
    if b"acTL" in extra:
        raise ValueError("it is an animated PNG; expected a still one")
    # The decoder gets only the chunks of pixels, so that it doesn't print warnings about the others.
    plain = SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks if chunk[0] in _PIXELS)
    pixels, alpha = without_alpha(np.atleast_3d(png_decode(plain)))
    return ImageFile(
        (pixels,),
        (alpha,),
        profile=_profile(extra.get(b"iCCP")),
        exif=with_exif_prefix(extra[b"eXIf"]) if b"eXIf" in extra else None,
        resolution=_resolution(extra.get(b"pHYs")),
        png_colour=tuple((name, extra[name]) for name in _COLOUR if name in extra),
    )


def write_png(path: Path, image: ImageFile) -> None:
    """Write a PNG file."""
    check_one_page("PNG", image, _LARGEST_SIDE)
    pixels = to_integers(image.pages[0], np.uint16)
    alpha = None if image.alpha[0] is None else to_integers(image.alpha[0], np.uint16)
    path.write_bytes(encode_png(pixels, alpha, list(_metadata_chunks(image))))


def encode_png(pixels: Array, alpha: Array | None = None, chunks: Sequence[tuple[bytes, bytes]] = ()) -> bytes:
    r"""Encode one image of 8 or 16 bits as PNG.

    Parameters
    ----------
    pixels : array of shape (H, W) or (H, W, 3)
        uint8 or uint16.
    alpha : array of shape (H, W), optional
        Opacity, of the same dtype.
    chunks : sequence of (bytes, bytes)
        Further PNG chunks as ``(name, data)``, written before the pixels.

    Returns
    -------
    bytes
        The content of a PNG file.

    Raises
    ------
    TypeError, ValueError
        If the arrays have another dtype or shape.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.io.images import encode_png
    >>> encode_png(np.zeros((4, 6), np.uint8))[:4]
    b'\x89PNG'
    """
    check_page("pixels", pixels)
    check_alpha("alpha", pixels, alpha)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels has dtype {pixels.dtype}; expected uint8 or uint16")
    encoded = bytes(png_encode(with_alpha(pixels, alpha)))
    after_header = len(SIGNATURE) + 25
    extra = b"".join(_chunk(name, data) for name, data in chunks)
    return encoded[:after_header] + extra + encoded[after_header:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield ``(name, data)`` of each chunk up to IEND; raise if one is damaged or missing."""
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
    compressed = chunk[
        chunk.index(b"\0") + 2 :
    ]  # after the profile's name and the compression method, which is one byte
    decompressor = zlib.decompressobj()
    profile = decompressor.decompress(compressed, 2**26)  # real profiles are far smaller
    if not decompressor.eof:
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
        yield b"eXIf", image.exif.removeprefix(EXIF_PREFIX)
