"""The pages of an image file as one series along depth or time."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pkn.io.image_file import ImageFile
from pkn.io.stack_axes import series_of_pages, spacing_of
from pkn.restoration.arguments import known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.sequences import Series
from pkn.restoration.series import denoise_images
from pkn.restoration.streams import check_alike


def denoise_pages(
    image: ImageFile,
    series: Series,
    net: Any,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    noise: NoiseProfile | None = None,
    callback: Callable[[int, int, Mapping[str, Any]], None] = lambda done, total, info: None,
) -> ImageFile:
    """Denoise the pages of an image file together: bit-identical to :func:`pkn.denoise` with ``dtype="same"``.

    Where the file names further axes, such as channels, each place on them is a series of its own.

    Parameters
    ----------
    image : ImageFile
    series : Series
        Its ``axis`` doesn't matter; a ``spacing`` of None is what the file says.
    net, strength, sigma, noise
        As in :func:`pkn.denoise`.
    callback : callable
        ``callback(pages done, pages in all, {})`` hears of each page.

    Raises
    ------
    ValueError
        If pages aren't alike, have alpha, or are RGB where the series is of depth.
    """
    _check_pages(image)
    series, along = series_in_file(image, len(image.pages), series)
    results: list[np.ndarray] = [*image.pages]
    done, known = 0, known_noise(sigma, noise)
    for numbers in along:
        pages = (image.pages[number] for number in numbers)
        denoised = denoise_images(pages, series, net, image.channel_axis, strength=strength, noise=known, dtype="same")
        for number, result in zip(numbers, denoised, strict=True):
            results[number] = result
            done += 1
            callback(done, len(results), {})
    return image.with_pages(results)


def series_in_file(image: ImageFile, count: int, series: Series) -> tuple[Series, list[list[int]]]:
    """The series with the spacing that a file of ``count`` pages says, and the numbers of pages in each.

    Raises
    ------
    ValueError
        If there is one page, or pages are RGB where the series is of depth, or don't lie along its axis.
    """
    name = "depth" if series.deep else "time"
    if count == 1:
        raise ValueError(f"it has one page; expected several along {name}")
    if series.deep and image.channel_axis is not None:
        raise ValueError("its pages are RGB; expected grey ones along depth")
    if series.deep and series.spacing is None:
        series = series._replace(spacing=spacing_of(image))
    return series, series_of_pages(image, count, "z" if series.deep else "t")


def _check_pages(image: ImageFile) -> None:
    if any(alpha is not None for alpha in image.alpha):
        raise ValueError("its pages have alpha; expected none along depth or time")
    first, *others = image.pages
    for number, page in enumerate(others, 1):
        check_alike(page, first, f"page {number}")
