"""A layer's image, of any number of axes, denoised part by part; no napari here."""

from collections.abc import Generator, Iterator
from typing import Any

import numpy as np

from pkn.napari.settings import Settings
from pkn.restoration.denoising import denoise

Index = tuple[int | slice, ...]


def indices_of_blocks(shape: tuple[int, ...], settings: Settings) -> Iterator[Index]:
    """Where the blocks are that are denoised one by one: planes, or stacks of planes that are denoised together.

    Parameters
    ----------
    shape : tuple
        Of the layer, without channels.
    settings : Settings

    Yields
    ------
    tuple of int and slice
        For all axes but rows and columns.

    Examples
    --------
    >>> from pkn.napari.layer_blocks import indices_of_blocks
    >>> from pkn.napari.settings import Settings
    >>> list(indices_of_blocks((2, 1, 40, 50), Settings()))
    [(0, 0), (1, 0)]
    >>> list(indices_of_blocks((2, 9, 40, 50), Settings(third_axis="depth")))
    [(0, slice(None, None, None)), (1, slice(None, None, None))]
    """
    joint = settings.joint_axis(len(shape))
    for index in np.ndindex(*(1 if axis == joint else side for axis, side in enumerate(shape[:-2]))):
        yield tuple(slice(None) if axis == joint else at for axis, at in enumerate(index))


def denoise_block(block: np.ndarray, settings: Settings, rgb: bool) -> np.ndarray:
    """Denoise a plane, or planes that belong together, first axis first; alpha stays as it is."""
    if rgb and block.shape[-1] == 4:
        return np.concatenate([denoise_block(block[..., :3], settings, rgb), block[..., 3:]], axis=-1)
    together = {} if settings.third_axis == "stack" else {f"{settings.third_axis}_axis": 0}
    options: dict[str, Any] = {"strength": settings.strength, **settings.known_noise(block.dtype), **together}
    clean: np.ndarray = denoise(block, settings.net, channel_axis=-1 if rgb else None, dtype="same", **options)
    return clean


def denoise_blocks(image: Any, settings: Settings, rgb: bool) -> Generator[tuple[int, int], None, np.ndarray]:
    """Denoise an image block by block; between blocks a caller may stop.

    Parameters
    ----------
    image : array of shape (..., H, W), or (..., H, W, 3 or 4) if ``rgb``
        NumPy's, or another (Dask, Zarr) of which one block at a time is read.
    settings : Settings
    rgb : bool

    Yields
    ------
    (int, int)
        Blocks that are done, and blocks in all.

    Returns
    -------
    array of the image's shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.napari.layer_blocks import denoise_blocks, last
    >>> from pkn.napari.settings import Settings
    >>> frames = np.random.default_rng(0).integers(90, 110, (2, 40, 50), np.uint16)
    >>> clean = last(denoise_blocks(frames, Settings(), rgb=False))
    >>> bool(np.array_equal(clean, pkn.denoise(frames, stack_axes=0, dtype="same")))
    True
    """
    indices = list(indices_of_blocks(image.shape[:-1] if rgb else image.shape, settings))
    result = np.empty(image.shape, image.dtype)
    for done, index in enumerate(indices):
        yield done, len(indices)
        result[index] = denoise_block(np.asarray(image[index]), settings, rgb)
    yield len(indices), len(indices)
    return result


def last(steps: Generator[Any, None, Any]) -> Any:
    """What a generator returns, after all its steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
