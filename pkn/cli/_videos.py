"""Videos on the command line: options, progress, and what can't be had of them."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import OF_ONE_IMAGE, require_av

OPTIONS = ("lossless", "crf")


def video_options(function: Callable[..., None]) -> Callable[..., None]:
    """What is only for videos."""
    for option in (
        click.option("--crf", type=float, help="Videos: rate factor, 0 (best) to 51 for H.264, 16 by default."),
        click.option("--lossless", is_flag=True, help="Videos: the exact pixels, by FFV1, into .mkv."),
    ):
        function = option(function)
    return function


def is_video(source: Path, options: Mapping[str, Any]) -> bool:
    """Whether a file is a video by its suffix; raises ValueError if an option is for another kind of file."""
    from pkn.io.video import SUFFIXES

    video = source.suffix.lower() in SUFFIXES
    if not video and (given := [name for name in OPTIONS if options[name] not in (None, False)]):
        raise ValueError(f"--{given[0]} was given with '{source}'; expected it with videos: {', '.join(SUFFIXES)}")
    if video and any(options[name] for name in OF_ONE_IMAGE):
        *others, last = OF_ONE_IMAGE.values()
        raise ValueError(f"{', '.join(others)} or {last} was given with a video; expected them with images")
    return video


def denoise_video_file(
    source: Path, target: Path, net: str, settings: dict[str, Any], options: Mapping[str, Any]
) -> str:
    """Denoise a video under a bar that shows frames a second, and say what was done."""
    require_av()
    from pkn.io.images import DEFAULT_MAX_PIXELS
    from pkn.restoration.videos import denoise_video

    settings = settings | {name: options[name] for name in (*OPTIONS, "causal")}
    if options["neighbours"] is not None:
        settings["neighbours"] = options["neighbours"]
    settings["max_pixels"] = options["max_pixels"] or DEFAULT_MAX_PIXELS
    begin = time.perf_counter()
    with progress_bar("frames") as bar:

        def callback(done: int, total: int, info: Mapping[str, Any]) -> None:
            bar(done, max(done, total), {"what": f"{info['frames_per_second']:.1f} frames/s"})

        number = denoise_video(source, target, net, callback=callback, **settings)
    seconds = time.perf_counter() - begin
    return f"{number} frames in {seconds:.2f} s, {number / seconds:.1f} frames/s, network {net}"
