"""TIFF files too large for memory: denoised part by part, from file to file; an interrupted run can be taken up.

The result stands uncompressed in ``OUT.partial`` until it is whole, and beside it, in ``OUT.partial.json``, what it is
of and how many parts are done.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC, TiffFile, TiffPage

from pkn.filters.arrays import planar, rounded, to_floats
from pkn.io.atomic import atomic_path
from pkn.io.image_file import DTYPES, ImageFile
from pkn.io.tiff import SIGNATURES, check_header, page_tags, quiet_tifffile, resolution_of
from pkn.io.tiff_exif import read_exif
from pkn.nets.map_net.noise_level import sampled_rows, sigma_of_rows
from pkn.nets.map_net.tiling import Tile, filter_by_tiles, halo, tiles, widened
from pkn.pretrained import find_net
from pkn.restoration.arguments import check_sigma, check_strength

PART = 4096  # pixels a side: its halo makes it dearer by 8 %
LARGE = 2**25  # pixels; images with more are denoised from file to file
BAND = 512  # rows that are read at once to estimate the noise


@dataclass(frozen=True)
class Source:
    """A page whose parts are read when they are asked for."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    like: ImageFile  # a pixel, with the metadata of the whole

    def read(self, part: Tile) -> np.ndarray:
        """Rows and columns of the page, in the machine's byte order."""
        with TiffFile(self.path) as tif:
            page = tif.pages[0]
            if page.is_memmappable:
                values = np.array(tifffile.memmap(self.path, mode="r")[part])
            else:
                import zarr

                values = np.asarray(zarr.open(page.aszarr(), mode="r")[part])
        return values.astype(self.dtype, copy=False)


def open_large(path: Path) -> Source | None:
    """The file's only page, if it is a plain TIFF of more than ``LARGE`` pixels, grey or RGB without alpha."""
    with path.open("rb") as file:
        if not file.read(4).startswith(SIGNATURES):
            return None
        file.seek(0)
        with quiet_tifffile(), TiffFile(file) as tif:
            page = tif.pages[0]
            if len(tif.pages) != 1 or not isinstance(page, TiffPage) or page.imagewidth * page.imagelength <= LARGE:
                return None
            plain = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB) and page.planarconfig == 1
            dtype = np.dtype(page.dtype).newbyteorder("=")
            if not plain or page.samplesperpixel not in (1, 3) or str(dtype) not in DTYPES or page.bitspersample < 8:
                return None
            check_header(page, page.imagewidth * page.imagelength, tif.filehandle.size)
            pixel = np.zeros((1, 1) if page.samplesperpixel == 1 else (1, 1, 3), dtype)
            like = ImageFile(
                (pixel,), profile=page.iccprofile, exif=read_exif(file, tif, page), resolution=resolution_of(page)
            )
            return Source(path, tuple(page.shape), dtype, like)


def denoise_large(
    source: Source,
    target: Path,
    net: str,
    *,
    strength: float = 1.0,
    sigma: float | None = None,
    resume: bool = False,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Denoise ``source`` into the TIFF file ``target``; the bits of :func:`pkn.denoise` with ``dtype="same"``.

    Memory is bounded by the part's size. ``tell(done, total)`` hears of each part.

    Returns
    -------
    float
        The noise level.

    Raises
    ------
    ValueError
        If there is nothing to resume, or of another image or setting; for values that are not finite.
    """
    axis = source.like.channel_axis
    network = find_net(net, 1 if axis is None else 3)
    size = source.shape[0], source.shape[1]
    power, given = float(check_strength(strength)), check_sigma(sigma)
    settings = {"source": _identity(source), "net": net, "strength": power, "sigma": sigma, "part": PART}
    partial, notes = (target.with_name(target.name + end) for end in (".partial", ".partial.json"))
    state = _resumed(notes, settings) if resume else None
    if state is None:
        level = _sigma(source, size) if given is None else given
        notes.unlink(missing_ok=True)  # of an older run: they'd say that parts of the empty file are done
        offset = _begin(partial, source)
        state = {"settings": settings, "sigma": float(level[0]), "offset": offset, "done": 0}
        _note(notes, state)
    level = np.array([state["sigma"]], np.float32)
    parts, around = list(tiles(size, PART)), halo(network)
    for number in range(state["done"], len(parts)):
        tell(number, len(parts))
        part = parts[number]
        wide = widened(part, around, size)
        image = planar(source.read(wide), axis)
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise ValueError("image has values that are not finite; expected none in so large an image")
        with _mapped(partial, source, state["offset"]) as out:
            _denoise_part(network, image, planar(out, axis), part, wide, level, power)
        state["done"] = number + 1
        _note(notes, state)
    tell(len(parts), len(parts))
    os.replace(partial, target)
    notes.unlink(missing_ok=True)
    return float(level[0])


def _denoise_part(
    network: Any, image: np.ndarray, out: np.ndarray, part: Tile, wide: Tile, level: np.ndarray, power: float
) -> None:
    """Write the part of the image that is denoised from a wider one."""
    top, left = wide[0].start, wide[1].start

    def read(here: Tile) -> np.ndarray:
        return to_floats(image[:, *here]).astype(np.float32, copy=False)

    def write(here: Tile, values: np.ndarray) -> None:
        rows, columns = (
            slice(max(each.start + at, whole.start), min(each.stop + at, whole.stop))
            for each, at, whole in zip(here, (top, left), part, strict=True)
        )
        if rows.start < rows.stop and columns.start < columns.stop:
            first, second = rows.start - top - here[0].start, columns.start - left - here[1].start
            inner = values[:, first : first + rows.stop - rows.start, second : second + columns.stop - columns.start]
            out[:, rows, columns] = rounded(inner, out.dtype)

    filter_by_tiles(network, read, (image.shape[1], image.shape[2]), level, power, write)


def _sigma(source: Source, size: tuple[int, int]) -> np.ndarray:
    """The noise level of the whole, from some of its rows; the file is read once."""
    rows, kept = sampled_rows(size), []
    for start in range(0, size[0], BAND):
        stop = min(start + BAND, size[0])
        band = planar(source.read((slice(start, stop), slice(0, size[1]))), source.like.channel_axis)
        kept.append(band[:, rows[(rows >= start) & (rows < stop)] - start])
    return sigma_of_rows(np.concatenate(kept, axis=1)[None], size)


def _begin(partial: Path, source: Source) -> int:
    """An empty file of the result's size with all its metadata; where its pixels begin."""
    tags = page_tags(source.like, len(source.shape) == 3)
    size = int(np.prod(source.shape)) * source.dtype.itemsize
    pixels = tifffile.memmap(partial, shape=source.shape, dtype=source.dtype, bigtiff=size > 2**31, **tags)
    return int(pixels.offset)


@contextmanager
def _mapped(partial: Path, source: Source, offset: int) -> Iterator[np.ndarray]:
    """The result's pixels, for one part: written to disk and let go of."""
    pixels = np.memmap(partial, source.dtype, "r+", offset, source.shape)
    yield pixels
    pixels.flush()


def _note(notes: Path, state: dict[str, Any]) -> None:
    with atomic_path(notes) as temporary:
        temporary.write_text(json.dumps(state))


def _identity(source: Source) -> list[Any]:
    status = source.path.stat()
    return [source.path.name, status.st_size, status.st_mtime_ns]


def _resumed(notes: Path, settings: dict[str, Any]) -> dict[str, Any]:
    try:
        state = dict(json.loads(notes.read_text()))
    except (OSError, ValueError):
        raise ValueError(f"'{notes}' can't be read; expected it from an interrupted run, to resume") from None
    if state["settings"] != settings:
        raise ValueError(f"the interrupted run was of {state['settings']}; expected {settings}, to resume")
    return state
