"""Sets of many small images, from a folder, a zip or an npz file, to train generative models on."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pkn.io.folders import SUFFIXES, files_in
from pkn.io.npz import DAMAGE, read_npz
from pkn.io.pillow import strict_pillow

HELD_OUT = 10  # every tenth image is kept for evaluation if a set has no test images of its own
LARGEST_SIDE = 4096
LARGEST_ENTRY, LARGEST_SET = 2**28, 2**34  # bytes of a file in a zip, and of an array
PILLOW_FORMATS = ("PNG", "JPEG", "TIFF")  # Pillow would run Ghostscript for a PostScript file of any name
MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class ImageSet:
    """Images, and those of them that are for training and for evaluation.

    Parameters
    ----------
    images : array of shape (N, H, W, C), uint8
        All images; without the test images, if the set has its own.
    skipped : int
        Number of files that couldn't be read.
    test : array of shape (M, H, W, C), uint8, optional
        The set's own test images.
    """

    images: np.ndarray
    skipped: int = 0
    test: np.ndarray | None = None

    @property
    def training(self) -> np.ndarray:
        """The images to train on."""
        if self.test is not None:
            return self.images
        training: np.ndarray = self.images[np.arange(len(self.images)) % HELD_OUT != 0]
        return training

    @property
    def held_out(self) -> np.ndarray:
        """The images to evaluate with: the set's own test images, or every tenth one."""
        return self.images[::HELD_OUT] if self.test is None else self.test


def read_set(path: str | Path, *, channels: int = 3, size: int | None = None) -> ImageSet:
    """Read a folder, a zip of image files, or an npz file with ``train_images`` and, if it has any, ``test_images``.

    Parameters
    ----------
    path : str or path
        Files are read in the order of their names. Those without the suffix of an image are left out; damaged ones are
        skipped and counted.
    channels : {1, 3}
        Grey or RGB, to which images of the other kind are converted.
    size : int, optional
        Crop images to their central square and resize it to this side in pixels. By default, images must be squares of
        the same size.

    Returns
    -------
    ImageSet

    Raises
    ------
    ValueError
        If there is no image; or if the images aren't squares or have several sizes, and ``size`` isn't given.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from pkn.io.datasets import read_set
    >>> digits = np.arange(20 * 8 * 8).astype(np.uint8).reshape(20, 8, 8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "digits.npz", train_images=digits)
    ...     images = read_set(Path(folder) / "digits.npz", channels=1)
    >>> images.images.shape, images.training.shape, images.held_out.shape
    ((20, 8, 8, 1), (18, 8, 8, 1), (2, 8, 8, 1))
    """
    path = Path(path)
    if path.suffix == ".npz":
        images, test = (_from_array(path, name, channels, size) for name in ("train_images", "test_images"))
        if images is None:
            raise ValueError(f"cannot read '{path}' as a set of images: it has no array train_images")
        if test is not None and test.shape[1:] != images.shape[1:]:
            came = f"{images.shape[1:]} and {test.shape[1:]}"
            raise ValueError(f"train_images and test_images in '{path}' have the shapes {came}; expected the same")
        return ImageSet(_squares(path, images), test=None if test is None else _squares(path, test))
    images_read: list[np.ndarray] = []
    skipped = 0
    for name, content in _files(path):
        try:
            with strict_pillow(), Image.open(BytesIO(content), formats=PILLOW_FORMATS) as image:
                if max(image.size) > LARGEST_SIDE:
                    raise ValueError(f"{name} has {image.size} pixels")
                images_read.append(_as_array(image.convert(MODES[channels]), size))
        except (*DAMAGE, Image.DecompressionBombError):
            skipped += 1
            continue
        if images_read[-1].shape != images_read[0].shape:
            (height, width), (first, second) = images_read[-1].shape[:2], images_read[0].shape[:2]
            raise ValueError(
                f"'{path}' is a set of several sizes: '{name}' has {height} x {width} pixels, those before it "
                f"{first} x {second}; expected one size (size= or --resize makes it)"
            )
    if not images_read:
        raise ValueError(f"'{path}' is a set with no image that can be read; expected files {', '.join(SUFFIXES)}")
    return ImageSet(_squares(path, np.stack(images_read)), skipped)


def _squares(path: Path, images: np.ndarray) -> np.ndarray:
    if images.shape[1] != images.shape[2]:
        raise ValueError(
            f"'{path}' is a set of images of {images.shape[1:3]} pixels; expected squares (size= or --resize)"
        )
    return images


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in files_in(path, SUFFIXES):
            yield file.name, file.read_bytes()
        return
    if not zipfile.is_zipfile(path):
        path.open("rb").close()  # raises FileNotFoundError for a missing file
        raise ValueError(f"'{path}' is another kind of file; expected a folder, zip or npz file of images")
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGE as error:
        raise ValueError(f"cannot read '{path}' as a zip file: {error}") from None
    with archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            if Path(info.filename).suffix.lower() in SUFFIXES:
                try:
                    yield info.filename, archive.read(info) if info.file_size <= LARGEST_ENTRY else b""
                except DAMAGE:
                    yield info.filename, b""  # counted as skipped, since no decoder reads empty content


def read_square(path: str | Path, channels: int, size: int) -> np.ndarray:
    """Read the central square of a picture, resized to ``size`` px a side: (size, size, channels), uint8.

    It is turned as its EXIF orientation says.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it can't be read.
    """
    content = Path(path).read_bytes()
    try:
        with strict_pillow(), Image.open(BytesIO(content), formats=PILLOW_FORMATS) as image:
            return _as_array(ImageOps.exif_transpose(image).convert(MODES[channels]), size)
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot read '{path}' as a picture ({', '.join(PILLOW_FORMATS)}): {error}") from None


def _as_array(image: Image.Image, size: int | None) -> np.ndarray:
    if size is not None:
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        image = image.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)
    array = np.asarray(image, np.uint8)
    return array[..., None] if array.ndim == 2 else array


def read_labels(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the training images and of the test images in an npz file.

    Parameters
    ----------
    path : str or path
        A file with the arrays ``train_labels`` and ``test_labels``.

    Returns
    -------
    (array of shape (N,), array of shape (M,))
        int64.

    Raises
    ------
    ValueError
        If it lacks one of the arrays.
    FileNotFoundError
        If there is no such file.
    """
    training, test = (_read_array(Path(path), name) for name in ("train_labels", "test_labels"))
    if training is None or test is None:
        raise ValueError(f"'{path}' has no arrays train_labels and test_labels; expected both")
    return training.ravel().astype(np.int64), test.ravel().astype(np.int64)


def _from_array(path: Path, name: str, channels: int, size: int | None) -> np.ndarray | None:
    images = _read_array(path, name)
    if images is None:
        return None
    images = images[..., None] if images.ndim == 3 else images
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in MODES:
        came = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"{name} in '{path}' is {came}; expected uint8 of shape (N, H, W) or (N, H, W, 1 or 3)")
    if len(images) == 0:
        raise ValueError(f"{name} in '{path}' is empty; expected at least one image")
    if images.shape[3] == channels and (size is None or images.shape[1:3] == (size, size)):
        return images
    converted = (Image.fromarray(image.squeeze()).convert(MODES[channels]) for image in images)
    return np.stack([_as_array(image, size) for image in converted])


def _read_array(path: Path, name: str) -> np.ndarray | None:
    """An array of an npz file, or None if there is none of that name."""
    if path.suffix != ".npz":
        path.open("rb").close()  # raises FileNotFoundError for a missing file
        raise ValueError(f"'{path}' is another kind of file; expected an .npz file")
    return read_npz(path, [name], LARGEST_SET).get(name)
