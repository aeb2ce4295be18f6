"""Image files in, image files out: pages, transparency, maps and the report, which several commands share."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pkn.cli._progress import with_progress

GRID = 6, 8  # pixels of a report that a click explains, down and across
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


def restore_file(
    image: Any, source: Path, target: Path, restore: Restore, maps_folder: Path | None = None, page: Path | None = None
) -> Restored:
    """Restore all pages of ``image``, the content of ``source``, and write them to ``target``.

    ``restore(pixels, channel_axis=, mask=)`` gives maps (or None) and the result. Pixels that are wholly transparent
    are False in the mask, and stay as they are. ``maps_folder`` takes the maps, ``page`` the first page's report.
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
    if page:
        write_page(page, source, image.pages[0], results[0], maps[0], seconds)
    return Restored(sum(pixels.shape[0] * pixels.shape[1] for pixels in image.pages) / 1e6, seconds, maps)


def save_pages(maps: list[Any], folder: Path) -> None:
    """Pictures and ``maps.npz`` of each page's maps, in a folder for each where there are several."""
    for number, page_maps in enumerate(maps):
        place = folder / (f"page{number}" if len(maps) > 1 else "")
        page_maps.to_png(place)
        page_maps.save(place / "maps.npz")


def write_page(path: Path, source: Path, before: Any, after: Any, maps: Any, seconds: float) -> None:
    """The HTML report on one image: before and after, facts, maps."""
    import numpy as np

    from pkn.io.image_file import to_integers
    from pkn.plotting.html_report import write_report
    from pkn.plotting.maps import picture_bytes
    from pkn.restoration.parameter_maps import weight_facts

    about = maps.provenance
    facts = [
        ("image", f"{source.name}, {before.shape[1]} x {before.shape[0]} px, {before.dtype}"),
        ("filter", str(maps.filter)),
        ("network", about["net"]),
        ("noise level", f"{about['sigma'] * 255:.2f}/255 ({'given' if about['sigma_given'] else 'estimated'})"),
        ("strength", str(about["strength"])),
        *weight_facts(maps, before),
        ("time", f"{seconds:.2f} s"),
        ("pkn", about["pkn"]),
    ]
    readable = maps.readable(before)

    def figure(name: str, meaning: str) -> tuple[str, bytes]:
        return f"{name}: {meaning}", picture_bytes(maps, name, readable)

    figures = [figure(name, each.meaning) for name, each in readable.items()]
    own = [figure(name, maps.ranges[name].meaning) for name in maps]
    shown, folded = (figures, own) if figures else (own, [])
    pictures = {"before": to_integers(before, np.uint8), "after": to_integers(after, np.uint8)}
    title, pixels = f"{source.name} before and after", _explained_pixels(maps, before)
    write_report(path, title=title, **pictures, figures=shown, folded=folded, facts=facts, pixels=pixels)


def _explained_pixels(maps: Any, before: Any) -> list[Any]:
    """Pixels of a grid, explained; none where the filter enlarges."""
    import numpy as np

    from pkn.filters import AnisotropicUpsampling
    from pkn.filters.arrays import planar
    from pkn.io.png import encode_png
    from pkn.plotting.html_report import ExplainedPixel
    from pkn.plotting.kernels import kernel_picture

    if isinstance(maps.filter, AnisotropicUpsampling):
        return []
    grey = planar(before, maps.channel_axis).mean(0)
    rows, columns = (
        np.unique((np.arange(most) + 0.5) * size // most).astype(int)
        for most, size in zip(GRID, maps.shape, strict=True)
    )
    found = []
    for at in itertools.product(rows.tolist(), columns.tolist()):
        why = maps.explain(before, at)
        found.append(ExplainedPixel(*at, str(why), encode_png(kernel_picture(grey, at, why.kernels))))
    return found
