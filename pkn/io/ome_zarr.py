"""OME-Zarr: images of any size, with time, depth and channels, and the names of their axes."""

from pathlib import Path
from typing import Any

import zarr


def open_ome_zarr(source: Path) -> tuple[zarr.Group, dict[str, Any]]:
    """The group, and what its metadata say of its first image (versions 0.1 to 0.5)."""
    try:
        group = zarr.open_group(source, mode="r")
        attributes = dict(group.attrs)
        described = attributes.get("ome", attributes)["multiscales"][0]
        if not isinstance(group[described["datasets"][0]["path"]], zarr.Array):
            raise TypeError("its first dataset is no array")
        return group, dict(described)
    except (KeyError, IndexError, TypeError, FileNotFoundError) as error:
        raise ValueError(f"'{source}' can't be read as an OME-Zarr image ({error!r})") from None


def axis_names(multiscale: dict[str, Any], ndim: int) -> list[str]:
    """Names of the axes: versions 0.1 and 0.2 have none, but an order; 0.3 has names alone."""
    axes = multiscale.get("axes", "tczyx"[-ndim:])
    return [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]


def create_ome_zarr(partial: Path, group: zarr.Group, multiscale: dict[str, Any], array: zarr.Array) -> zarr.Array:
    """The new group, of one resolution, and its empty array."""
    first = multiscale["datasets"][0]
    described = {**multiscale, "datasets": [first]}
    attributes = dict(group.attrs)
    if "ome" in attributes:
        attributes["ome"] = {**attributes["ome"], "multiscales": [described]}
    else:
        attributes["multiscales"] = [described]
    version = group.metadata.zarr_format
    new = zarr.create_group(partial, zarr_format=version, attributes=attributes)
    options: dict[str, Any] = {"dimension_names": array.metadata.dimension_names} if version == 3 else {}
    return new.create_array(first["path"], shape=array.shape, dtype=array.dtype, chunks=array.chunks, **options)
