"""The part of a plane that is on the screen, denoised: bit-identical to the whole plane's result; no napari here."""

from collections.abc import Generator
from typing import Any

import numpy as np

from pkn.napari.layer_blocks import denoise_block
from pkn.napari.settings import Settings
from pkn.view.blocks import Area, blocks_of, pieces
from pkn.view.denoised_page import DENOISED, DenoisedPage

NEAR = 4  # planes before and after, of those that are denoised together
MARGIN = 64  # px around the part, there
LARGEST = 1536  # px a side


class Previews:
    """Parts of planes of layers; what was computed for a plane is kept until another plane, network or noise is asked.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.napari.layer_blocks import last
    >>> from pkn.napari.previews import Previews
    >>> from pkn.napari.settings import Settings
    >>> from pkn.view.blocks import Area
    >>> frames = np.random.default_rng(0).integers(90, 110, (2, 300, 50), np.uint8)
    >>> part = last(Previews().steps(frames, (1,), Area(250, 10, 290, 40), Settings(), rgb=False))
    >>> bool(np.array_equal(part, pkn.denoise(frames[1], dtype="same")[250:290, 10:40]))
    True
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._page: DenoisedPage | None = None

    def forget(self) -> None:
        """Forget all that was computed, because an image has changed."""
        self._key = self._page = None

    def steps(
        self, image: Any, index: tuple[int, ...], part: Area, settings: Settings, rgb: bool
    ) -> Generator[None, None, np.ndarray]:
        """Denoise a part of the plane ``index``, from its middle; between steps a caller may stop.

        Where planes are denoised together, only the four nearest before and after count, and the noise is that of the
        part: the result is near that of the whole, not the same.
        """
        yield
        if settings.third_axis != "stack":
            return _nearby(image, index, part, settings, rgb)
        page = self._page_of(image, index, settings, rgb)
        blocks = blocks_of(part)
        for piece in pieces(page.missing(DENOISED, blocks, settings.strength)):
            yield
            moved = Area(*(at + start for at, start in zip(piece, blocks[:2] * 2, strict=True)))
            page.compute(DENOISED, moved, settings.strength)
        clean = page.denoised(part, settings.strength)
        return np.concatenate([clean, np.asarray(image[(*index, *part.tile)])[..., 3:]], axis=-1) if rgb else clean

    def _page_of(self, image: Any, index: tuple[int, ...], settings: Settings, rgb: bool) -> DenoisedPage:
        key = (id(image), index, settings.net, settings.noise, rgb)
        if self._page is None or key != self._key:
            plane = np.asarray(image[index])
            plane = plane[..., :3] if rgb else plane
            known = settings.known_noise(plane.dtype)
            self._page = DenoisedPage(plane, net=settings.net, noise=next(iter(known.values()), None))
            self._key = key
        return self._page


def _nearby(image: Any, index: tuple[int, ...], part: Area, settings: Settings, rgb: bool) -> np.ndarray:
    """A part of a plane, denoised together with those before and after it."""
    joint = settings.joint_axis(len(index) + 2)
    assert joint is not None
    first = max(0, index[joint] - NEAR)
    planes = (*index[:joint], slice(first, index[joint] + NEAR + 1), *index[joint + 1 :])
    top, left = max(0, part.top - MARGIN), max(0, part.left - MARGIN)
    block = np.asarray(image[(*planes, slice(top, part.bottom + MARGIN), slice(left, part.right + MARGIN))])
    rows, columns = slice(part.top - top, part.bottom - top), slice(part.left - left, part.right - left)
    return denoise_block(block, settings, rgb)[index[joint] - first, rows, columns]


def limited(part: Area) -> Area:
    """The middle of a part, if it is larger than a preview may be.

    Examples
    --------
    >>> from pkn.napari.previews import limited
    >>> from pkn.view.blocks import Area
    >>> limited(Area(10, 0, 50, 2000))
    Area(top=10, left=232, bottom=50, right=1768)
    """
    top, bottom = _middle(part.top, part.bottom)
    left, right = _middle(part.left, part.right)
    return Area(top, left, bottom, right)


def _middle(start: int, stop: int) -> tuple[int, int]:
    cut = max(0, stop - start - LARGEST)
    return start + cut // 2, stop - (cut - cut // 2)
