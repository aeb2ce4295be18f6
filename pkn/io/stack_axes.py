"""What an image file says of its pages' order, and of the distances of planes, rows and columns."""

import math
from typing import Any
from xml.etree import ElementTree

import numpy as np

from pkn.io.image_file import ImageFile
from pkn.io.tiff_notes import TiffNotes

MICRO = "\u00b5m", "\u03bcm"  # with the micro sign, or the Greek letter
MICROMETRES = {"m": 1e6, "cm": 1e4, "mm": 1e3, **dict.fromkeys((*MICRO, "um"), 1.0), "nm": 1e-3}
IMAGEJ_SIZES = {"c": "channels", "z": "slices", "t": "frames"}  # the fastest first
UNKNOWN = (1.0, 1.0, 1.0)


def series_of_pages(image: ImageFile, count: int, axis: str) -> list[list[int]]:
    """Numbers of the pages that lie along an axis, for each place on the others.

    Parameters
    ----------
    image : ImageFile
        With the notes of the file.
    count : int
        Of its pages.
    axis : {"z", "t"}

    Returns
    -------
    list of lists of int
        All pages together where the file says nothing, or has one axis alone, whatever it is called.

    Raises
    ------
    ValueError
        If the file has several axes, and not this one, or not as many pages as they say.
    """
    sizes = _sizes(image)
    several = [name for name, size in sizes.items() if size > 1]
    if len(several) < 2:
        return [list(range(count))]
    found = ", ".join(f"{name} ({sizes[name]})" for name in several)
    if axis not in several:
        raise ValueError(f"its pages lie along {found}; expected {axis} among them, or one axis alone")
    if math.prod(sizes.values()) != count:
        raise ValueError(f"it has {count} pages, but names axes {found}; expected as many pages as they say")
    numbers = np.moveaxis(np.arange(count).reshape(tuple(sizes.values())), list(sizes).index(axis), -1)
    return [list(map(int, each)) for each in numbers.reshape(-1, sizes[axis])]


def spacing_of(image: ImageFile) -> tuple[float, float, float]:
    """Distances of planes, rows and columns in one unit, by OME-XML or ImageJ's notes; ones where they aren't there."""
    notes = image.tiff_notes
    if notes is None:
        return UNKNOWN
    found = _ome_spacing(notes) if notes.is_ome else _imagej_spacing(notes, image.resolution)
    return found if all(0 < each < math.inf for each in found) else UNKNOWN


def _sizes(image: ImageFile) -> dict[str, int]:
    """Sizes of the axes along which pages lie, the slowest first."""
    notes = image.tiff_notes
    if notes is None:
        return {}
    if notes.is_imagej:
        said = _imagej(notes)
        return {name: _count(said.get(key, 1)) for name, key in reversed(IMAGEJ_SIZES.items())}
    pixels = _ome_pixels(notes)
    if pixels is None:
        return {}
    order = [name for name in pixels.get("DimensionOrder", "XYCZT").lower() if name in IMAGEJ_SIZES]
    sizes = {name: _count(pixels.get(f"Size{name.upper()}", 1)) for name in reversed(order)}
    if image.channel_axis is not None and "c" in sizes:
        sizes["c"] = max(sizes["c"] // 3, 1)  # a page has R, G and B
    return sizes


def _count(said: Any) -> int:
    """A size, 1 where it is no number."""
    try:
        return max(int(said), 1)
    except (ValueError, OverflowError):
        return 1


def _imagej(notes: TiffNotes) -> dict[str, float]:
    """The numbers of ImageJ's description."""
    found = {}
    for line in notes.description.decode("latin-1").splitlines():
        key, _, value = line.partition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            continue
    return found


def _imagej_spacing(notes: TiffNotes, resolution: Any) -> tuple[float, float, float]:
    planes = _imagej(notes).get("spacing", 0.0) if notes.is_imagej else 0.0
    x, y, _ = resolution or (1.0, 1.0, "none")
    return abs(planes), 1 / y, 1 / x


def _ome_pixels(notes: TiffNotes) -> Any:
    """What OME-XML says of its image, if it has one alone."""
    if not notes.is_ome:
        return None
    root = ElementTree.fromstring(notes.description)
    found = [part for part in root.iter() if part.tag.rpartition("}")[2] == "Pixels"]
    return found[0] if len(found) == 1 else None


def _ome_spacing(notes: TiffNotes) -> tuple[float, float, float]:
    pixels = _ome_pixels(notes)
    if pixels is None:
        return UNKNOWN
    planes, rows, columns = (_length(pixels, side) for side in "ZYX")
    return planes, rows, columns


def _length(pixels: Any, side: str) -> float:
    """A pixel's size in micrometres, 0 where it isn't known."""
    try:
        size = float(pixels.get(f"PhysicalSize{side}", 0))
    except ValueError:
        return 0.0
    return size * MICROMETRES.get(pixels.get(f"PhysicalSize{side}Unit", "um"), 0.0)
