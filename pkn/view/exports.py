"""What can be taken away from the page: the image, maps, report and receipt, as files' names and contents.

Nothing is written but into a folder for temporary files, which is removed at once.
"""

import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pkn.evidence.receipts import write_receipt
from pkn.evidence.reports import Work, write_page
from pkn.io.formats import format_of_file
from pkn.io.image_file import ImageFile
from pkn.io.images import write_image
from pkn.restoration.denoising import predict_maps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.view.blocks import Area, blocks_of, pieces
from pkn.view.denoised_page import DENOISED, DenoisedPage
from pkn.view.session import Session

PIECE = 16  # blocks, computed at once of a whole page
KINDS = ("image", "maps", "report", "receipt")


class Download(NamedTuple):
    """A file to take away."""

    name: str
    content: bytes


class WholeResult:
    """A page's whole result, put together from pieces.

    Parameters
    ----------
    page : DenoisedPage
    strength : float or (float, float)

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.view.denoised_page import DenoisedPage
    >>> from pkn.view.exports import WholeResult
    >>> whole = WholeResult(DenoisedPage(np.random.default_rng(0).integers(0, 255, (90, 80), np.uint8)), 1.0)
    >>> for piece in whole.pieces:
    ...     whole.add(piece)
    >>> whole.pixels.shape, whole.pixels.dtype
    ((90, 80), dtype('uint8'))
    """

    def __init__(self, page: DenoisedPage, strength: Any) -> None:
        self.page, self.strength = page, strength
        self.pixels = np.empty_like(page.pixels)
        self.blocks = blocks_of(Area(0, 0, *page.size))
        self.pieces = list(pieces(np.ones((self.blocks.bottom, self.blocks.right), bool), PIECE, PIECE))

    def add(self, piece: Area) -> None:
        """Compute a piece, as far as it isn't kept."""
        if self.page.missing(DENOISED, piece, self.strength).any():
            self.page.compute(DENOISED, piece, self.strength)
        part = piece.pixels(self.page.size)
        self.pixels[part.tile] = self.page.denoised(part, self.strength)


def image_download(session: Session, number: int, results: list[np.ndarray], suffix: str = "") -> Download:
    """The denoised file: all that the source holds but for its pixels, in its format or that of ``suffix``."""
    file = session.file(number)
    name = _clean_name(file.path, suffix)
    with tempfile.TemporaryDirectory() as folder:
        write_image(Path(folder) / name, _denoised(file.image, results))
        return Download(name, (Path(folder) / name).read_bytes())


def maps_download(session: Session, number: int, page: int, strength: Any) -> Download:
    """The parameter maps of a page, .npz."""
    path, maps = session.file(number).path, _maps(session, number, page, strength)
    with tempfile.TemporaryDirectory() as folder:
        maps.save(Path(folder) / "maps.npz")
        return Download(f"{path.stem}.maps.npz", (Path(folder) / "maps.npz").read_bytes())


def report_download(session: Session, number: int, page: int, strength: Any) -> Download:
    """The HTML report on a page."""
    path, shown, begin = session.file(number).path, session.page(number, page).denoised, time.perf_counter()
    maps = _maps(session, number, page, strength)
    result = _applied(maps, shown)
    seconds = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        work = Work(path, [shown.pixels], [result], [maps], seconds, masks=[shown.mask])
        write_page(Path(folder) / "report.html", work)
        return Download(f"{path.stem}-report.html", (Path(folder) / "report.html").read_bytes())


def receipt_download(session: Session, number: int, strength: Any) -> Download:
    """The denoised file, its receipt, and the maps that ``pkn verify`` replays, as a .zip."""
    file = session.file(number)
    numbers = range(len(file.image.pages))
    maps = [_maps(session, number, page, strength) for page in numbers]
    results = [_applied(each, session.page(number, page).denoised) for page, each in zip(numbers, maps, strict=True)]
    stream = BytesIO()
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(stream, "w") as archive:
        target, receipt = Path(name) / _clean_name(file.path, ""), Path(name) / f"{file.path.stem}-clean.json"
        write_image(target, _denoised(file.image, results))
        options = {"strength": strength, "sigma": None}
        for path in (target, *write_receipt(receipt, file.path, target, maps, options=options)):
            archive.write(path, path.name)
    return Download(f"{file.path.stem}-receipt.zip", stream.getvalue())


def _maps(session: Session, number: int, page: int, strength: Any) -> ParameterMaps:
    """Of the whole page, as ``pkn denoise`` has them."""
    shown = session.page(number, page).denoised
    settings = {"strength": strength, "channel_axis": shown.channel_axis, "mask": shown.mask}
    maps: ParameterMaps = predict_maps(shown.pixels, session.net, **settings)
    return maps


def _applied(maps: ParameterMaps, page: DenoisedPage) -> np.ndarray:
    result = maps.apply(page.pixels, mask=page.mask, dtype="same")
    if page.mask is not None:
        result[~page.mask] = page.pixels[~page.mask]
    return result


def _denoised(image: ImageFile, results: list[np.ndarray]) -> ImageFile:
    return image.with_pages([np.ascontiguousarray(pixels) for pixels in results])


def _clean_name(path: Path, suffix: str) -> str:
    """The name of the denoised file, with a suffix of the source's format."""
    known = format_of_file(path).suffixes
    own = path.suffix if path.suffix.lower() in known else known[0]
    return f"{path.stem}-clean{suffix or own}"
