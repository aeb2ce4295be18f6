"""Zarr: plain arrays, and OME-Zarr images of any size, with time, depth and channels, and the names of their axes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zarr


@dataclass(frozen=True)
class ZarrImage:
    """A Zarr image.

    Parameters
    ----------
    array : zarr.Array
        Of a plain array, itself; of an OME-Zarr image, its full resolution.
    group : zarr.Group or None
        Of an OME-Zarr image.
    multiscale : dict
        What the group's metadata say of its first image (versions 0.1 to 0.5).
    """

    array: zarr.Array
    group: zarr.Group | None
    multiscale: dict[str, Any]

    @property
    def axes(self) -> list[str]:
        """Names of the axes: versions 0.1 and 0.2 have none, but an order, as plain arrays; 0.3 has names alone."""
        axes = self.multiscale.get("axes", "tczyx"[-self.array.ndim :])
        return [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]

    @property
    def path(self) -> str:
        """Of the array in its store."""
        return "" if self.group is None else str(self.multiscale["datasets"][0]["path"])


def open_zarr(source: Path) -> ZarrImage:
    """Open a plain array, or an OME-Zarr image.

    Raises
    ------
    ValueError
        If it is neither.
    """
    try:
        found = zarr.open(source, mode="r")
        if isinstance(found, zarr.Array):
            return ZarrImage(found, None, {})
        attributes = dict(found.attrs)
        described = attributes.get("ome", attributes)["multiscales"][0]
        array = found[described["datasets"][0]["path"]]
        if not isinstance(array, zarr.Array):
            raise TypeError("its first dataset is no array")
        return ZarrImage(array, found, dict(described))
    except (KeyError, IndexError, TypeError, ValueError, FileNotFoundError) as error:
        raise ValueError(f"'{source}' can't be read as a Zarr array or an OME-Zarr image ({error!r})") from None
