"""SHA-256 of files, folders, pixels and networks, as receipts and reports have them."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from pkn.nets.loading import sha256_of
from pkn.pretrained import COLOURS, weights_folder


def of_file(path: Path) -> str:
    """Of a file's content; of a folder's (a Zarr image), of the names and hashes of all files in it."""
    if path.is_dir():
        lines = [f"{file.relative_to(path).as_posix()} {of_file(file)}\n" for file in path.rglob("*") if file.is_file()]
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    return sha256_of(path)


def of_pixels(pixels: np.ndarray) -> str:
    """Of type, shape and values, in the byte order of little-endian machines."""
    plain = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False))
    return hashlib.sha256(f"{plain.dtype.str} {plain.shape}".encode() + plain.tobytes()).hexdigest()


def of_network(name: Any, channel_axis: int | None) -> str | None:
    """Of a network's file, if its name is that of one."""
    if not isinstance(name, str):
        return None
    bundled = weights_folder() / f"{name}-{COLOURS[1 if channel_axis is None else 3]}.safetensors"
    file = bundled if bundled.is_file() else Path(name)
    return of_file(file) if file.is_file() else None
