"""Folders of images, for training and evaluation."""

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np

from pkn.filters.arrays import to_floats
from pkn.io.images import read_image

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # weights of R, G, B in luma: ITU-R BT.601


def read_folder(folder: str | Path, channels: int) -> list[np.ndarray]:
    """Read all images in a folder and its sub-folders.

    Parameters
    ----------
    folder : str or path
        Files are read in the order of their paths; those without the suffix of an image are left out, as is what is
        hidden or in ``node_modules``.
    channels : {1, 3}
        With 1, RGB images are converted to grey (ITU-R BT.601 luma); with 3, grey images are left out.

    Returns
    -------
    list of array of shape (H, W, channels)
        One for each page, with the dtype of its file.

    Raises
    ------
    ValueError
        If there are no images, or one can't be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.folders import read_folder
    >>> from pkn.io.images import ImageFile, write_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder) / "a.png", ImageFile((np.full((4, 6), 7, np.uint8),)))
    ...     write_image(Path(folder) / "b.png", ImageFile((np.full((5, 5, 3), 9, np.uint8),)))
    ...     images = read_folder(folder, channels=1)
    >>> [(image.shape, int(image.max())) for image in images]
    [((4, 6, 1), 7), ((5, 5, 1), 9)]
    """
    images = []
    for path in files_in(Path(folder), SUFFIXES):
        for page in read_image(path).pages:
            if page.ndim == 2 and channels == 1:
                images.append(page[..., None])
            elif page.ndim == 3 and channels == 3:
                images.append(page)
            elif page.ndim == 3:
                grey = page @ GREY
                images.append((np.rint(grey) if page.dtype.kind == "u" else grey).astype(page.dtype)[..., None])
    if not images:
        kind = "RGB image" if channels == 3 else "image"
        raise ValueError(f"folder is '{folder}', which holds no {kind}; expected files {', '.join(SUFFIXES)}")
    return images


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Files at or below ``folder`` with one of the suffixes, in order; none that is hidden or in ``node_modules``."""

    def shown(path: Path) -> bool:
        return not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(folder).parts)

    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and shown(path))


def image_folders(folder: str | Path) -> dict[Path, int]:
    """All folders at or below ``folder`` that hold images, in order, and how many files of images each has."""
    return dict(sorted(Counter(path.parent for path in files_in(Path(folder).resolve(), SUFFIXES)).items()))


def folder_names(folder: str | Path) -> str:
    """Names of all folders at or below ``folder`` that hold images, separated by commas."""
    return ", ".join(sorted(path.name for path in image_folders(folder)))


def to_float32(image: np.ndarray) -> np.ndarray:
    """The image as float32; integers become fractions of their full range."""
    return to_floats(image).astype(np.float32, copy=False)
