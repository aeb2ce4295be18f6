"""Reading and writing JPEG with Pillow."""

import io
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import JpegImageFile

from pkn.io.image_file import EXIF_PREFIX, ImageFile, Resolution, check_one_page, check_size, to_integers
from pkn.io.pillow import strict_pillow

SIGNATURE = b"\xff\xd8\xff"

_LARGEST_SIDE = 65_500  # pixels; the limit of libjpeg
_LARGEST_EXIF = 65_527  # bytes; what a segment holds after the prefix
_UNITS = {1: "inch", 2: "cm"}
_PER_INCH = {"inch": 1.0, "cm": 2.54}


def read_jpeg(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Read a JPEG file."""
    with strict_pillow():
        # Image.open has its own limit on pixels, which would be checked before ours.
        picture = JpegImageFile(file)
        check_size(*picture.size, max_pixels)
        if picture.mode not in ("L", "RGB", "CMYK"):
            raise ValueError(f"it is a {picture.mode} JPEG; expected grey, RGB or CMYK")
        picture.load()
    info = picture.info
    printed = picture.mode == "CMYK"
    unit = _UNITS.get(info.get("jfif_unit", 0))
    x, y = info.get("jfif_density", (0, 0))
    return ImageFile(
        (np.array(_of_screens(picture) if printed else picture),),
        profile=None if printed else info.get("icc_profile"),
        exif=info.get("exif"),
        resolution=(float(x), float(y), unit) if unit and min(x, y) > 0 else None,
    )


def _of_screens(printed: Image.Image) -> Image.Image:
    """A CMYK image in sRGB, by its own profile if it has a good one."""
    profile = printed.info.get("icc_profile")
    with suppress(ImageCms.PyCMSError, OSError):
        if profile:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(printed, source, target, outputMode="RGB")
            assert converted is not None
            return converted
    return printed.convert("RGB")


def write_jpeg(path: Path, image: ImageFile, quality: int) -> None:
    """Write a JPEG file."""
    check_one_page("JPEG", image, _LARGEST_SIDE)
    if image.alpha[0] is not None:
        raise ValueError("image has alpha, which JPEG can't hold; expected none, or a .png or .tif path")
    exif = (image.exif or b"").removeprefix(EXIF_PREFIX)
    if len(exif) > _LARGEST_EXIF:
        raise ValueError(f"image has {len(exif)} bytes of EXIF; expected at most {_LARGEST_EXIF} for JPEG")
    # Encode in memory first: when Pillow writes to a path, it hides the reason of a failure.
    buffer = io.BytesIO()
    Image.fromarray(to_integers(image.pages[0], np.uint8)).save(
        buffer,
        "JPEG",
        quality=quality,
        subsampling="4:4:4",
        icc_profile=image.profile,
        exif=EXIF_PREFIX + exif if exif else b"",
        dpi=_per_inch(image.resolution),
    )
    path.write_bytes(buffer.getvalue())


def _per_inch(resolution: Resolution | None) -> tuple[float, float]:
    """Pixels per inch; zeros, which Pillow doesn't write, if there is no resolution or JPEG can't hold it."""
    if resolution is None or resolution[2] not in _PER_INCH:
        return 0, 0
    x, y = (value * _PER_INCH[resolution[2]] for value in resolution[:2])
    return (x, y) if max(x, y) < 2**16 - 1 else (0, 0)
