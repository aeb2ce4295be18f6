"""JPEG 2000 and AVIF of more than 8 bits by imagecodecs, which codes pixels alone."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from imagecodecs import avif_decode, avif_encode, jpeg2k_decode, jpeg2k_encode

from pkn.io.image_file import Array, ImageFile, check_one_page, check_size, to_integers, with_alpha, without_alpha
from pkn.io.pillow_formats import read_with_pillow, write_avif_of_8_bits

JPEG2000_SIGNATURES = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
LARGEST_SIDE = {"JPEG 2000": 2**31 - 1, "AVIF": 65_535}
_SIZE_MARKER = b"\xff\x51"
_AVIF_BITS = 12
_HIGH, _TWELVE = 0x40, 0x20  # flags of the AV1 configuration


def read_jpeg2000(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read JPEG 2000 of 1 to 16 bits."""
    data = file.read()
    at = data.find(_SIZE_MARKER) + 2
    if at < 2 or len(data) < at + 40:
        raise ValueError("the JPEG 2000 header is cut off or damaged")
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 4)
    (components,) = struct.unpack_from(">H", data, at + 36)
    precision = data[at + 38]
    bits = (precision & 127) + 1
    check_size(right - left, bottom - top, max_pixels)
    if components > 4 or precision > 127 or bits > 16:
        kind = "signed" if precision > 127 else "unsigned"
        raise ValueError(f"it has {components} components of {bits} bits, {kind}; expected at most 4 of 1 to 16")
    pixels, alpha = without_alpha(np.atleast_3d(_widened(jpeg2k_decode(data), bits)))
    return ImageFile((pixels,), (alpha,))


def write_jpeg2000(path: Path, image: ImageFile, quality: int) -> None:
    """Write JPEG 2000 without loss; floats as 16 bits."""
    path.write_bytes(jpeg2k_encode(_samples(image, "JPEG 2000"), level=0, reversible=True, codecformat="jp2"))


def read_avif(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read AVIF of 8, 10 or 12 bits."""
    described = read_with_pillow(file, max_pixels, "AVIF")
    file.seek(0)
    data = file.read()
    flags = data[data.find(b"av1C") + 6]
    if not flags & _HIGH:
        return described
    bits = 12 if flags & _TWELVE else 10
    pixels, alpha = without_alpha(np.atleast_3d(_widened(avif_decode(data), bits)))
    return ImageFile((pixels,), (alpha,), profile=described.profile, exif=described.exif)


def write_avif(path: Path, image: ImageFile, quality: int) -> None:
    """Write AVIF: 8 bits by Pillow with metadata; more, and floats, as 12 bits, without loss but for the last four."""
    if image.pages[0].dtype == np.uint8:
        write_avif_of_8_bits(path, image, quality)
        return
    samples = _samples(image, "AVIF")
    scaled = (samples.astype(np.uint32) * (2**_AVIF_BITS - 1) + 32767) // 65535
    path.write_bytes(avif_encode(scaled.astype(np.uint16), level=100, bitspersample=_AVIF_BITS))


def _samples(image: ImageFile, file_format: str) -> Array:
    check_one_page(file_format, image, LARGEST_SIDE[file_format])
    alpha = None if image.alpha[0] is None else to_integers(image.alpha[0], np.uint16)
    return with_alpha(to_integers(image.pages[0], np.uint16), alpha)


def _widened(samples: Array, bits: int) -> Array:
    """Values of so many bits as fractions of the full range of 8 or 16."""
    full = 255 if bits <= 8 else 65535
    if full == 2**bits - 1:
        return samples
    most = 2**bits - 1
    widened: Array = (samples.astype(np.uint32) * full + most // 2) // most
    return widened.astype(np.uint8 if bits <= 8 else np.uint16)
