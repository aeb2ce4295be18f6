"""WebP, BMP, GIF and AVIF by Pillow: images of 8 bits with their colour profile, EXIF and resolution."""

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pkn.io.image_file import Array, ImageFile, check_one_page, check_size, to_integers, with_alpha, without_alpha
from pkn.io.pillow import strict_pillow

COLOURS = 256  # of a GIF
LARGEST_SIDE = {"WebP": 16_383, "BMP": 65_535, "GIF": 65_535, "AVIF": 65_535}
_PLUGINS: dict[str, Any] = {"WebP": WebPImageFile, "BMP": BmpImageFile, "GIF": GifImageFile, "AVIF": AvifImageFile}
_PLAIN = {"1": "L", "L": "L", "LA": "LA", "RGB": "RGB", "RGBA": "RGBA", "RGBX": "RGB"}


def read_with_pillow(file: BinaryIO, max_pixels: int, file_format: str) -> ImageFile:
    """Read a still image in one of Pillow's formats."""
    with strict_pillow():
        picture = _PLUGINS[file_format](file)  # not Image.open, whose own limit on pixels would count before ours
        check_size(picture.size[0], picture.size[1], max_pixels)
        if getattr(picture, "n_frames", 1) > 1:
            raise ValueError(f"it is an animated {file_format}; expected a still one")
        transparent = "transparency" in picture.info or picture.mode in ("PA", "RGBa", "La")
        mode = _PLAIN.get(picture.mode, "RGBA" if transparent else "RGB")
        samples = np.array(picture.convert("RGBA" if transparent else mode))
    info = picture.info
    pixels, alpha = without_alpha(np.atleast_3d(samples))
    return ImageFile(
        (pixels,), (alpha,), profile=info.get("icc_profile"), exif=info.get("exif"), resolution=_resolution(info)
    )


def _resolution(info: dict[Any, Any]) -> tuple[float, float, str] | None:
    x, y = info.get("dpi", (0, 0))
    return (float(x), float(y), "inch") if min(x, y) > 0 else None


def write_webp(path: Path, image: ImageFile, quality: int) -> None:
    """Write WebP without loss."""
    _save(path, image, "WebP", lossless=True, exact=True, icc_profile=image.profile, exif=image.exif or b"")


def write_avif_of_8_bits(path: Path, image: ImageFile, quality: int) -> None:
    """Write AVIF with full colour resolution."""
    _save(
        path,
        image,
        "AVIF",
        quality=quality,
        subsampling="4:4:4",
        icc_profile=image.profile,
        exif=image.exif or b"",
    )


def write_bmp(path: Path, image: ImageFile, quality: int) -> None:
    """Write BMP, which has no transparency that others read."""
    _refuse_alpha(image, "BMP")
    x, y, unit = image.resolution or (0, 0, "inch")
    _save(path, image, "BMP", dpi=(x * 2.54, y * 2.54) if unit == "cm" else (x, y))


def write_gif(path: Path, image: ImageFile, quality: int) -> None:
    """Write a grey GIF; of an RGB image, if it has few enough colours."""
    _refuse_alpha(image, "GIF")
    check_one_page("GIF", image, LARGEST_SIDE["GIF"])
    pixels = to_integers(image.pages[0], np.uint8)
    picture = Image.fromarray(pixels)
    if pixels.ndim == 3:
        if picture.getcolors(COLOURS) is None:
            raise ValueError(
                f"image has more than {COLOURS} colours, which GIF can't hold; expected a .png or .tif path"
            )
        picture = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, "GIF")
    path.write_bytes(buffer.getvalue())


def _refuse_alpha(image: ImageFile, file_format: str) -> None:
    if image.alpha[0] is not None:
        raise ValueError(f"image has alpha, which {file_format} can't hold; expected none, or a .png or .tif path")


def _save(path: Path, image: ImageFile, file_format: str, **options: Any) -> None:
    check_one_page(file_format, image, LARGEST_SIDE[file_format])
    alpha = None if image.alpha[0] is None else to_integers(image.alpha[0], np.uint8)
    samples: Array = with_alpha(to_integers(image.pages[0], np.uint8), alpha)
    if samples.shape[2:] == (2,):
        samples = np.concatenate([samples[..., [0, 0, 0]], samples[..., 1:]], axis=2)
    buffer = io.BytesIO()  # in memory first: when Pillow writes to a path, it hides the reason of a failure
    Image.fromarray(samples).save(buffer, file_format, **options)
    path.write_bytes(buffer.getvalue())
