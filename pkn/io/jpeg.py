"""JPEG, by Pillow."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pkn.io.image_file import EXIF_MARK, ImageFile, Resolution, as_integer, check_one_page, check_size
from pkn.io.pillow import strict_pillow

SIGNATURE = b"\xff\xd8\xff"

_MOST_A_SIDE = 65_500  # what libjpeg takes
_MOST_EXIF = 65_527  # what a segment takes after the mark
_UNITS = {1: "inch", 2: "cm"}
_PER_INCH = {"inch": 1.0, "cm": 2.54}


def read_jpeg(file: BinaryIO, max_pixels: int) -> ImageFile:
    """The content of a JPEG file."""
    with strict_pillow():
        # Not Image.open, whose own limit on pixels would come before ours.
        picture = JpegImageFile(file)
        check_size(*picture.size, max_pixels)
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"it is a {picture.mode} JPEG, expected grey or RGB")
        picture.load()
    info = picture.info
    unit = _UNITS.get(info.get("jfif_unit", 0))
    x, y = info.get("jfif_density", (0, 0))
    return ImageFile(
        (np.array(picture),),
        profile=info.get("icc_profile"),
        exif=info.get("exif"),
        resolution=(float(x), float(y), unit) if unit and min(x, y) > 0 else None,
    )


def write_jpeg(path: Path, image: ImageFile, quality: int) -> None:
    """Write a JPEG file."""
    check_one_page("JPEG", image, _MOST_A_SIDE)
    if image.alpha[0] is not None:
        raise ValueError("image: got alpha, which JPEG can't hold; expected a .png or .tif path")
    exif = (image.exif or b"").removeprefix(EXIF_MARK)
    if len(exif) > _MOST_EXIF:
        raise ValueError(f"image: got {len(exif)} bytes of EXIF, expected at most {_MOST_EXIF} for JPEG")
    # Not straight to the path: Pillow would hide why a write failed.
    buffer = io.BytesIO()
    Image.fromarray(as_integer(image.pages[0], np.uint8)).save(
        buffer,
        "JPEG",
        quality=quality,
        subsampling="4:4:4",
        icc_profile=image.profile,
        exif=EXIF_MARK + exif if exif else b"",
        dpi=_per_inch(image.resolution),
    )
    path.write_bytes(buffer.getvalue())


def _per_inch(resolution: Resolution | None) -> tuple[float, float]:
    """Pixels per inch, or zeros (none for Pillow) where JPEG can't hold them."""
    if resolution is None or resolution[2] not in _PER_INCH:
        return 0, 0
    x, y = (value * _PER_INCH[resolution[2]] for value in resolution[:2])
    return (x, y) if max(x, y) < 2**16 - 1 else (0, 0)
