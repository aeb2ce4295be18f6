"""EXIF in TIFF files: a whole block in a Photoshop resource, as this package writes it, or tags as cameras do."""

import struct
from contextlib import suppress
from typing import BinaryIO

from PIL.Image import Exif
from tifffile import TiffFile, TiffPage

from pkn.io.image_file import EXIF_PREFIX
from pkn.io.pillow import strict_pillow

Tag = tuple[int, int, int, bytes | int, bool]  # code, type, count, value, write once: the order of tifffile

_PHOTOSHOP, _PHOTOSHOP_EXIF = 34377, 1058
_ORIENTATION = 274
_DIRECTORIES = (34665, 34853)  # EXIF, GPS
_KEPT = (271, 272, _ORIENTATION, 306, 315, 33432, *_DIRECTORIES)  # make, model, date, artist, copyright
_BYTE, _SHORT = 1, 3


def exif_tags(exif: bytes | None) -> list[Tag]:
    """TIFF tags for an EXIF block: the block itself, and its orientation as the tag that all readers know."""
    if exif is None:
        return []
    block = exif.removeprefix(EXIF_PREFIX)
    resource = struct.pack(">4sHHI", b"8BIM", _PHOTOSHOP_EXIF, 0, len(block)) + block + b"\0" * (len(block) % 2)
    tags: list[Tag] = [(_PHOTOSHOP, _BYTE, len(resource), resource, True)]
    parsed = Exif()
    with strict_pillow(), suppress(Exception):  # Pillow raises nearly any type for a damaged block
        parsed.load(block)
        if parsed[_ORIENTATION] in range(1, 9):
            tags.append((_ORIENTATION, _SHORT, 1, int(parsed[_ORIENTATION]), True))
    return tags


def read_exif(file: BinaryIO, tif: TiffFile, page: TiffPage) -> bytes | None:
    """The EXIF block that :func:`exif_tags` stored, or else one built from the tags of the file."""
    resources = page.tags.valueof(_PHOTOSHOP)
    if isinstance(resources, bytes) and (stored := _stored_exif(resources)) is not None:
        return stored
    with strict_pillow(), suppress(Exception):  # for damaged tags too; the pixels may be good
        return _exif_of_tags(file, tif, page)
    return None


def _stored_exif(resources: bytes) -> bytes | None:
    position = 0
    while resources[position : position + 4] == b"8BIM" and len(resources) >= position + 12:
        (number,) = struct.unpack_from(">H", resources, position + 4)
        position += 6 + (resources[position + 6] + 2) // 2 * 2  # skip a name padded to an even length
        (size,) = struct.unpack_from(">I", resources, position)
        if number == _PHOTOSHOP_EXIF:
            return EXIF_PREFIX + resources[position + 4 : position + 4 + size].removeprefix(EXIF_PREFIX)
        position += 4 + size + size % 2
    return None


def _exif_of_tags(file: BinaryIO, tif: TiffFile, page: TiffPage) -> bytes | None:
    exif = Exif()
    exif.endian, exif.bigtiff = tif.byteorder, tif.is_bigtiff
    exif.load_from_fp(file, page.offset)
    for tag in set(exif) - set(_KEPT):
        del exif[tag]
    exif.bigtiff = False  # an EXIF block is laid out as a plain TIFF
    return exif.tobytes() if len(exif) else None
