"""Stacks whose images are denoised together, along depth or time, on the command line."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import open_if_large, read
from pkn.cli._progress import chunk_bar, progress_bar
from pkn.cli._shared import OF_ONE_IMAGE, require_zarr


def series_options(function: Callable[..., None]) -> Callable[..., None]:
    """What is said of depth and time."""
    for option in (
        click.option("--causal", is_flag=True, help="Videos, --time and --depth: use what is before alone."),
        click.option("--neighbours", type=int, help="Videos and --time: frames before and after each; 3 by default."),
        click.option(
            "--spacing",
            callback=_to_spacing,
            metavar="DZ,DY,DX",
            help="Depth: distances of planes, rows and columns; by default what the file says, or 1,1,1.",
        ),
        click.option("--time", is_flag=True, help="Denoise the images of a stack together, as frames of a video."),
        click.option("--depth", is_flag=True, help="Denoise the images of a stack together, as planes of a volume."),
    ):
        function = option(function)
    return function


def _to_spacing(context: Any, option: Any, text: str | None) -> Any:
    if text is None:
        return None
    from pkn.filters.arrays import check_spacing

    try:
        return check_spacing([float(part) for part in text.split(",")])
    except ValueError:
        raise ValueError(f"--spacing is {text!r}; expected three numbers above 0, as DZ,DY,DX") from None


def series_of_options(source: Path, options: Mapping[str, Any]) -> Any:
    """The series that was asked for, or None: videos are one by themselves.

    Raises
    ------
    ValueError
        If options don't go together, or not with this kind of file.
    """
    from pkn.io.raw_files import SUFFIXES as RAW
    from pkn.io.video import SUFFIXES as VIDEO
    from pkn.restoration.sequences import NEIGHBOURS, series_of

    video, deep = source.suffix.lower() in VIDEO, options["depth"]
    if deep and (video or options["time"]):
        raise ValueError(f"--depth was given with {'a video' if video else '--time'}; expected one of them")
    if options["spacing"] and not deep:
        raise ValueError("--spacing was given; expected it with --depth")
    if options["causal"] and not (video or deep or options["time"]):
        raise ValueError(f"--causal was given with '{source}'; expected it with videos, --time or --depth")
    if options["neighbours"] is not None and not (video or options["time"]):
        raise ValueError(f"--neighbours was given with '{source}'; expected it with videos or --time")
    if video or not (deep or options["time"]):
        return None
    if source.suffix.lower() in RAW:
        raise ValueError("--depth or --time was given with a raw file; expected a stack of images")
    if any(options[name] for name in OF_ONE_IMAGE):
        raise ValueError("--maps, --report or --receipt was given with --depth or --time; expected one or the other")
    near = NEIGHBOURS if options["neighbours"] is None else options["neighbours"]
    return series_of(None if deep else 0, 0 if deep else None, options["spacing"], near, options["causal"])


def denoise_series_file(
    source: Path, target: Path, net: str, series: Any, settings: dict[str, Any], options: Mapping[str, Any]
) -> str:
    """Denoise a stack, and say what was done."""
    from pkn.restoration.series import DEFAULT_NETS

    begin = time.perf_counter()
    if ".zarr" in (source.suffix, target.suffix):
        _denoise_zarr(source, target, net, series, settings, options)
        what = ""
    else:
        what = f"{_denoise_pages(source, target, net, series, settings, options):.2f} MP in "
    used = DEFAULT_NETS.get(net, net) if series.deep else net
    return f"{what}{time.perf_counter() - begin:.2f} s, network {used}"


def _denoise_zarr(
    source: Path, target: Path, net: str, series: Any, settings: dict[str, Any], options: Mapping[str, Any]
) -> None:
    require_zarr(source, target)
    from pkn.restoration.zarr_images import denoise_zarr

    said = {name: options[name] for name in ("depth", "time", "spacing", "causal", "levels", "max_pixels", "scheduler")}
    denoise_zarr(source, target, net, neighbours=series.neighbours, progress=chunk_bar, **said, **settings)


def _denoise_pages(
    source: Path, target: Path, net: str, series: Any, settings: dict[str, Any], options: Mapping[str, Any]
) -> float:
    """Pages from file to file if they are large, else in memory; gives megapixels."""
    resume, max_pixels = options["resume"], options["max_pixels"]
    if large := open_if_large(source, target, resume, max_pixels):
        from pkn.restoration.large_series import denoise_large_series

        with progress_bar("pages") as callback:
            denoise_large_series(large, target, series, net, **settings, resume=resume, callback=callback)
        return _megapixels(large.count, large.size)
    from pkn.io.images import write_image
    from pkn.restoration.page_stacks import denoise_pages

    image = read(source, max_pixels)
    with progress_bar("pages") as callback:
        write_image(target, denoise_pages(image, series, net, **settings, callback=callback))
    return _megapixels(len(image.pages), image.pages[0].shape)


def _megapixels(count: int, shape: tuple[int, ...]) -> float:
    return count * shape[0] * shape[1] / 1e6
