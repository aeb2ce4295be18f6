"""Raw files of cameras through LibRaw: the Bayer mosaic out of them, and images developed from a mosaic put back."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile

from pkn.io.atomic import atomic_path
from pkn.io.image_file import ImageFile
from pkn.io.images import read_image, write_image
from pkn.io.tiff import quiet_tifffile
from pkn.version import missing

SUFFIXES = (".dng", ".3fr", ".arw", ".cr2", ".cr3", ".nef", ".orf", ".pef", ".raf", ".raw", ".rw2", ".srw")
DEVELOPED = (".dng", ".tif", ".tiff")
# DNG 1.7.1, chapter 4: tags that describe the sensor's colours hold for the demosaicked image too.
NOISE_PROFILE, KEPT = 51041, (50721, 50722, 50728, 50778, 50779)
ORIENTATION = {0: 1, 3: 3, 5: 8, 6: 6}  # of LibRaw and of TIFF
LINEAR_RAW = 34892
FULL = 65535


class RawFile(NamedTuple):
    """The mosaic of a raw file.

    Parameters
    ----------
    mosaic : uint16 array of shape (H, W)
        What the sensor counted, without its masked borders.
    pattern : str
        Colours of the mosaic's first 2 x 2 pixels, row by row, such as "RGGB".
    black : array of shape (2, 2)
        Counts without light, of those pixels.
    white : float
        Counts of a saturated pixel.
    noise : dict of str to (float, float)
        By colour, gain and variance of the read noise, in fractions of black ... white, if the file says so (DNG's
        NoiseProfile); else empty.
    """

    mosaic: np.ndarray
    pattern: str
    black: np.ndarray
    white: float
    noise: dict[str, tuple[float, float]]


def read_raw(path: str | os.PathLike[str]) -> RawFile:
    """Read the mosaic of a raw file.

    Parameters
    ----------
    path : str or path
        Of any camera that LibRaw knows, with a Bayer mosaic.

    Raises
    ------
    ValueError
        If it can't be read, or has no Bayer mosaic (linear DNG, X-Trans, Foveon).
    ImportError
        If rawpy isn't installed.
    """
    with _open(path) as raw:
        if raw.raw_pattern is None or raw.raw_pattern.shape != (2, 2):
            raise ValueError(f"cannot read {os.fspath(path)!r} as a raw file: it has no mosaic of 2 x 2 colours")
        colours = raw.raw_colors_visible[:2, :2]
        letters = raw.color_desc.decode()
        pattern = "".join(letters[number] for number in colours.ravel())
        black = np.array(raw.black_level_per_channel, float)[colours]
        mosaic = raw.raw_image_visible.copy()
        white = float(raw.white_level)
    return RawFile(mosaic, pattern, black, white, _noise_of(Path(path), pattern))


def write_developed(path: str | os.PathLike[str], source: str | os.PathLike[str], mosaic: np.ndarray) -> None:
    """Demosaic ``mosaic``, in place of that of the raw file ``source``, and write it.

    Parameters
    ----------
    path : str or path
        A ``.tif`` file gets sRGB of 16 bits, with the camera's white balance; a ``.dng`` file linear values of the
        camera's colours of 16 bits, which raw converters go on from.
    source : str or path
        The raw file.
    mosaic : uint16 array of shape (H, W)

    Raises
    ------
    ValueError
        If ``path`` has another suffix, or the mosaic another size than the file's.
    OSError, ImportError
        If ``path`` can't be written, or rawpy isn't installed.
    """
    check_developed(path)
    pixels, tags = _developed(path, source, mosaic)
    if not _is_linear(path):
        write_image(path, ImageFile((pixels,)))
        return
    with atomic_path(path) as temporary:
        settings: dict[str, Any] = {"photometric": LINEAR_RAW, "subfiletype": 0, "metadata": None, "extratags": tags}
        tifffile.imwrite(temporary, pixels, **settings)


def developed(path: str | os.PathLike[str], source: str | os.PathLike[str], mosaic: np.ndarray) -> np.ndarray:
    """The pixels (H, W, 3), uint16, that :func:`write_developed` writes."""
    return _developed(path, source, mosaic)[0]


def read_developed(path: str | os.PathLike[str]) -> np.ndarray:
    """The pixels (H, W, 3) of what :func:`write_developed` wrote."""
    if not _is_linear(path):
        return read_image(path).pages[0]
    try:
        with quiet_tifffile():
            return np.asarray(tifffile.imread(path))
    except (tifffile.TiffFileError, ValueError, RuntimeError) as error:
        raise ValueError(f"cannot read {os.fspath(path)!r} as a linear DNG: {error}") from None


def libraw_version() -> str:
    """Of the library that demosaics."""
    import rawpy

    return ".".join(map(str, rawpy.libraw_version))


def check_developed(path: str | os.PathLike[str]) -> None:
    """Raise ValueError unless ``path`` can be a developed image."""
    if Path(path).suffix.lower() not in DEVELOPED:
        raise ValueError(f"OUT is '{os.fspath(path)}'; expected {', '.join(DEVELOPED)} for an image of a raw file")


def _is_linear(path: str | os.PathLike[str]) -> bool:
    return Path(path).suffix.lower() == ".dng"


def _developed(
    path: str | os.PathLike[str], source: str | os.PathLike[str], mosaic: np.ndarray
) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Pixels, and tags of a linear DNG."""
    with _open(source) as raw:
        if mosaic.shape != raw.raw_image_visible.shape:
            raise ValueError(f"mosaic has shape {mosaic.shape}; expected the file's {raw.raw_image_visible.shape}")
        raw.raw_image_visible[:] = mosaic
        linear = _is_linear(path)
        return _demosaicked(raw, linear), _linear_tags(raw, Path(source)) if linear else []


def _open(path: str | os.PathLike[str]) -> Any:
    if find_spec("rawpy") is None:
        raise ImportError(missing("rawpy", "raw files", "raw"))
    import rawpy

    if not os.path.exists(path):
        raise FileNotFoundError(f"cannot read {os.fspath(path)!r}: it does not exist")
    try:
        return rawpy.imread(os.fspath(path))
    except rawpy.LibRawError as error:
        text = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"cannot read {os.fspath(path)!r} as a raw file: {text}") from None


def _demosaicked(raw: Any, linear: bool) -> np.ndarray:
    import rawpy

    # Brightness from the file's white level alone: by default it depends on the brightest pixel, which noise makes.
    settings: dict[str, Any] = {"output_bps": 16, "no_auto_bright": True, "adjust_maximum_thr": 0.0}
    if linear:
        raw_colours = {"user_wb": [1, 1, 1, 1], "gamma": (1, 1), "output_color": rawpy.ColorSpace.raw, "user_flip": 0}
        return np.asarray(raw.postprocess(**settings, **raw_colours))
    return np.asarray(raw.postprocess(**settings, use_camera_wb=True))


def _tags(path: Path) -> dict[int, tuple[Any, int, Any]]:
    """Types, counts and values of a DNG file's tags by their numbers; of equal ones those of the first page."""
    if path.suffix.lower() != ".dng":
        return {}
    with quiet_tifffile(), tifffile.TiffFile(path) as tif:
        pages = [*(tif.pages[0].pages or ()), tif.pages[0]]
        return {tag.code: (tag.dtype, tag.count, tag.value) for page in pages for tag in page.tags}


def _noise_of(path: Path, pattern: str) -> dict[str, tuple[float, float]]:
    """DNG's noise model: variance = scale x + offset for x in 0 ... 1, of all colours or of R, G and B."""
    tag = _tags(path).get(NOISE_PROFILE)
    if tag is None:
        return {}
    pairs = np.reshape(tag[2], (-1, 2))
    number = {colour: min("RGB".index(colour), len(pairs) - 1) for colour in set(pattern) if colour in "RGB"}
    return {colour: (float(pairs[k][0]), float(pairs[k][1])) for colour, k in number.items()}


def _linear_tags(raw: Any, source: Path) -> list[tuple[Any, ...]]:
    """Tags of a linear DNG: its version, the range of its values, and what the source says of colours."""
    tags: list[tuple[Any, ...]] = [
        (274, "H", 1, ORIENTATION.get(raw.sizes.flip, 1), True),
        (50706, "B", 4, bytes([1, 4, 0, 0]), True),  # DNGVersion
        (50707, "B", 4, bytes([1, 1, 0, 0]), True),  # DNGBackwardVersion
        (50714, "H", 3, (0, 0, 0), True),  # BlackLevel
        (50717, "H", 3, (FULL, FULL, FULL), True),  # WhiteLevel
    ]
    tags += [(code, *tag, True) for code, tag in _tags(source).items() if code in KEPT]
    return tags if any(tag[0] == KEPT[0] for tag in tags) else tags + _colours_of(raw)


def _colours_of(raw: Any) -> list[tuple[Any, ...]]:
    """ColorMatrix1 and AsShotNeutral as LibRaw knows them, for files of other formats than DNG."""
    matrix, balance = raw.rgb_xyz_matrix[:3], np.array(raw.camera_whitebalance[:3])
    balance = balance / balance[1] if balance.all() else np.ones(3)
    tags: list[tuple[Any, ...]] = [(50728, "2I", 3, _rationals(1 / balance), True), (50778, "H", 1, 21, True)]
    return [(50721, "2i", 9, _rationals(matrix), True), *tags] if matrix.any() else tags


def _rationals(values: np.ndarray) -> list[int]:
    return [int(part) for value in np.ravel(values) for part in (round(float(value) * 10_000), 10_000)]
