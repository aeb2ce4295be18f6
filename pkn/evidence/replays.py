"""What receipts are of, made again from archived maps: image files, Zarr images, raw files of cameras.

Parts are pages of an image file, planes of a Zarr image, or the mean and the three differences of a mosaic's planes.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from pkn.io.images import read_image
from pkn.restoration.noise_estimation import estimate_noise, profile_of_planes
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.version import missing

Maps = Iterable[ParameterMaps]


class Replay(Protocol):
    """A source, to be denoised again by maps.

    Parameters
    ----------
    part : str
        What there is a set of maps for.
    parts : int
        How many of them.
    libraries : dict of str to str
        Versions that the output's bits depend on, but for those that all results do.
    """

    part: str
    parts: int
    libraries: dict[str, str]

    def __init__(self, source: Path) -> None: ...

    def results(self, maps: Maps) -> Iterator[np.ndarray]:
        """The denoised pixels, one array after the other, of each part's maps."""

    def estimated_noise(self) -> NoiseProfile:
        """As it is estimated where nobody tells it."""

    def written(self, target: Path) -> Iterator[np.ndarray]:
        """The pixels that an output holds, array by array."""

    def as_written(self, result: np.ndarray, target: Path) -> np.ndarray:
        """The pixels of a result as an output of that name holds them."""


class ImageReplay:
    """Pages of an image file."""

    part = "page"

    def __init__(self, source: Path) -> None:
        self.image = read_image(source)
        self.parts, self.libraries = len(self.image.pages), dict[str, str]()

    def results(self, maps: Maps) -> Iterator[np.ndarray]:
        """As ``pkn denoise`` makes them: transparent pixels stay."""
        for pixels, mask, page in zip(self.image.pages, self.image.masks, maps, strict=True):
            result = page.apply(pixels, mask=mask, dtype="same")
            if mask is not None:
                result[~mask] = pixels[~mask]
            yield result

    def estimated_noise(self) -> NoiseProfile:
        """Of the first page."""
        return estimate_noise(self.image.pages[0], channel_axis=self.image.channel_axis)

    def written(self, target: Path) -> Iterator[np.ndarray]:
        """Its pages."""
        yield from read_image(target).pages

    def as_written(self, result: np.ndarray, target: Path) -> np.ndarray:
        """The result itself."""
        return result


class ZarrReplay:
    """Planes of a Zarr image, each read when its turn comes."""

    part = "plane"

    def __init__(self, source: Path) -> None:
        self.libraries: dict[str, str] = {}
        self.planes = _ZarrPlanes(source)
        self.parts = self.planes.number

    def results(self, maps: Maps) -> Iterator[np.ndarray]:
        """Plane by plane."""
        for plane, each in zip(self.planes, maps, strict=True):
            yield each.apply(plane, dtype="same")

    def estimated_noise(self) -> NoiseProfile:
        """Of the first plane."""
        return estimate_noise(next(iter(self.planes)))

    def written(self, target: Path) -> Iterator[np.ndarray]:
        """Its planes."""
        return iter(_ZarrPlanes(target))

    def as_written(self, result: np.ndarray, target: Path) -> np.ndarray:
        """The result itself."""
        return result


class RawReplay:
    """The mosaic of a raw file: the result is the denoised mosaic, the output what LibRaw develops from it."""

    part = "plane"

    def __init__(self, source: Path) -> None:
        from pkn.io.raw_files import libraw_version, read_raw

        self.source, self.raw = source, read_raw(source)
        self.parts, self.libraries = 4, {"libraw": libraw_version()}

    def results(self, maps: Maps) -> Iterator[np.ndarray]:
        """The mosaic."""
        from pkn.restoration.raw import apply_raw_maps

        yield apply_raw_maps(self.raw, list(maps))

    def estimated_noise(self) -> NoiseProfile:
        """Of all colours."""
        from pkn.restoration.raw import MosaicPlanes

        planes = MosaicPlanes.of(self.raw.mosaic, self.raw.black, self.raw.white).planes
        return profile_of_planes(planes.astype(np.float32))

    def written(self, target: Path) -> Iterator[np.ndarray]:
        """The developed image."""
        from pkn.io.raw_files import read_developed

        yield read_developed(target)

    def as_written(self, result: np.ndarray, target: Path) -> np.ndarray:
        """Developed."""
        from pkn.io.raw_files import developed

        return developed(target, self.source, result)


REPLAYS: dict[str, type[Replay]] = {"image": ImageReplay, "zarr": ZarrReplay, "raw": RawReplay}


class _ZarrPlanes:
    def __init__(self, path: Path) -> None:
        if not find_spec("zarr"):
            raise ValueError(missing("zarr", "Zarr images", "zarr"))
        from pkn.io.ome_zarr import open_zarr

        self.array = open_zarr(path).array
        self.number = int(np.prod(self.array.shape[:-2]))

    def __iter__(self) -> Iterator[np.ndarray]:
        for index in np.ndindex(self.array.shape[:-2]):
            yield np.asarray(self.array[index])
