"""Empty Zarr stores that are like others: chunks, shards, codecs, names of dimensions, fill value, metadata."""

from pathlib import Path
from typing import Any

import zarr

from pkn.io.ome_zarr import ZarrImage
from pkn.io.zarr_levels import Level, described_by


def create_like(image: ZarrImage, levels: list[Level], target: Path) -> list[zarr.Array]:
    """Make a store with all metadata of ``image``, and the empty arrays of its levels."""
    version = image.array.metadata.zarr_format
    if image.group is None:
        return [zarr.create_array(target, overwrite=True, shape=image.array.shape, **storage_of(image.array))]
    attributes, described = dict(image.group.attrs), described_by(image.multiscale, levels)
    if "ome" in attributes:
        attributes["ome"] = {**attributes["ome"], "multiscales": [described]}
    else:
        attributes["multiscales"] = [described]
    zarr.create_group(target, zarr_format=version, attributes=attributes)
    return [
        zarr.create_array(target, name=level.dataset["path"], shape=level.shape, **storage_of(level.like))
        for level in levels
    ]


def storage_of(array: zarr.Array) -> dict[str, Any]:
    """Arguments of ``zarr.create_array`` that make an array as this one, of any shape."""
    version = array.metadata.zarr_format
    options = {
        "zarr_format": version,
        "dtype": array.dtype,
        "chunks": array.chunks,
        "shards": array.shards,
        "filters": array.filters or None,
        "compressors": array.compressors or None,
        "fill_value": array.fill_value,
        "attributes": dict(array.attrs),
    }
    if version == 2:
        encoding = {"name": "v2", "separator": array.metadata.dimension_separator}
        return options | {"order": array.metadata.order, "chunk_key_encoding": encoding}
    return options | {
        "serializer": array.serializer,
        "chunk_key_encoding": array.metadata.chunk_key_encoding,
        "dimension_names": array.metadata.dimension_names,
    }


def written_together(array: zarr.Array) -> tuple[int, ...]:
    """Sides of the blocks that only one task may write at a time: a shard is a file, and so is a chunk without."""
    return tuple(array.shards or array.chunks)
