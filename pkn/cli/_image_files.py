"""Image files in, image files out: pages, transparency, maps and the report, which several commands share."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pkn.cli._progress import with_progress

Restore = Callable[..., tuple[Any, Any]]


class Restored(NamedTuple):
    """What a command says of its work: megapixels, seconds, and each page's maps (or None)."""

    megapixels: float
    seconds: float
    maps: list[Any]


def read(path: Path, max_pixels: int | None) -> Any:
    """The content of an image file."""
    from pkn.io.images import DEFAULT_MAX_PIXELS, read_image

    return read_image(path, max_pixels=max_pixels or DEFAULT_MAX_PIXELS)


def open_if_large(source: Path, target: Path, resume: bool, max_pixels: int | None) -> Any:
    """The source, if it is to be denoised from file to file."""
    if target.suffix.lower() not in (".tif", ".tiff"):
        large = None
    else:
        from pkn.io.large_tiff import open_large

        large = open_large(source, max_pixels) if source.is_file() else None
    if resume and large is None:
        raise ValueError("--resume was given; expected a TIFF of more than 33 megapixels without alpha")
    return large


class Report(NamedTuple):
    """A report to write: where to, and what else :class:`pkn.evidence.reports.Work` says of the work."""

    path: Path
    about: dict[str, Any]


def restore_file(
    image: Any,
    source: Path,
    target: Path,
    restore: Restore,
    maps_folder: Path | None = None,
    report: Report | None = None,
) -> Restored:
    """Restore all pages of ``image``, the content of ``source``, and write them to ``target``.

    ``restore(pixels, channel_axis=, mask=)`` gives maps (or None) and the result. Pixels that are wholly transparent
    are False in the mask, and stay as they are. ``maps_folder`` takes the maps.
    """
    from pkn.io.images import write_image

    begin, maps, results = time.perf_counter(), [], []
    for pixels, mask in with_progress(list(zip(image.pages, image.masks, strict=True)), "pages"):
        page_maps, result = restore(pixels, channel_axis=image.channel_axis, mask=mask)
        if mask is not None:
            result[~mask] = pixels[~mask]
        maps.append(page_maps)
        results.append(result)
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages(results))
    if maps_folder:
        save_pages(maps, maps_folder)
    if report:
        from pkn.evidence.reports import Work, write_page

        about = {"masks": image.masks, "target": target, **report.about}
        write_page(report.path, Work(source, image.pages, results, maps, seconds, **about))
    return Restored(sum(pixels.shape[0] * pixels.shape[1] for pixels in image.pages) / 1e6, seconds, maps)


def save_pages(maps: list[Any], folder: Path) -> None:
    """Pictures and ``maps.npz`` of each page's maps, in a folder for each where there are several."""
    for number, page_maps in enumerate(maps):
        place = folder / (f"page{number}" if len(maps) > 1 else "")
        page_maps.to_png(place)
        page_maps.save(place / "maps.npz")
