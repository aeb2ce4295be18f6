"""Folders of images: what training and evaluation read."""

from pathlib import Path

import numpy as np

from pkn.io.images import read_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma


def read_folder(folder: str | Path, channels: int) -> list[np.ndarray]:
    """All images under a folder as uint8 or float32 arrays (H, W, C); grey ones only where ``channels`` is 1.

    Raises
    ------
    ValueError
        If there are none.
    """
    images = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        for page in read_image(path).pages:
            if page.ndim == 2 and channels == 1:
                images.append(page[..., None])
            elif page.ndim == 3 and channels == 3:
                images.append(page)
            elif page.ndim == 3:
                grey = page @ GREY
                images.append((np.rint(grey) if page.dtype.kind == "u" else grey).astype(page.dtype)[..., None])
    if not images:
        raise ValueError(f"folder '{folder}' holds no {'RGB ' if channels == 3 else ''}image; expected {SUFFIXES}")
    return images


def folder_names(folder: str | Path) -> str:
    """Names of the folders under ``folder`` (or its own) that hold images."""
    holders = {path.parent for path in Path(folder).resolve().rglob("*") if path.suffix.lower() in SUFFIXES}
    return ", ".join(sorted(holder.name for holder in holders))


def as_fraction(image: np.ndarray) -> np.ndarray:
    """float32; integers as fractions of their full range."""
    if image.dtype.kind == "u":
        return image * np.float32(1 / np.iinfo(image.dtype).max)
    return image.astype(np.float32)
