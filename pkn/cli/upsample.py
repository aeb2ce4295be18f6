"""``pkn upsample``."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import read
from pkn.cli._many_files import image_files, say
from pkn.cli._progress import with_progress
from pkn.cli._shared import DENOISER, MAX_PIXELS


@click.command("upsample")
@image_files()
@click.option("--scale", default=2.0, show_default=True, help="1 to 8, fractions too.")
@click.option("--net", default="upsample", show_default=True, help="Bundled name or .safetensors file.")
@click.option("--strength", default=1.0, show_default=True, help="More smooths more; 0 is the nearest neighbour.")
@DENOISER
@click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")
@MAX_PIXELS
def command(source: Path, target: Path, scale: float, max_pixels: int | None, **options: Any) -> None:
    """Enlarge image files, or all in a folder, into OUT, and denoise them on the way."""
    import numpy as np

    from pkn.io.images import write_image
    from pkn.restoration.upsampling import upsample

    image = read(source, max_pixels)
    if any(alpha is not None and not np.all(alpha == alpha.max()) for alpha in image.alpha):
        raise ValueError(f"'{source}' has transparent pixels; expected an opaque image")
    begin = time.perf_counter()
    pages = [
        upsample(page, scale=scale, channel_axis=image.channel_axis, dtype="same", **options)
        for page in with_progress(image.pages, "pages")
    ]
    seconds = time.perf_counter() - begin
    write_image(target, replace(image, pages=tuple(pages), alpha=()))
    height, width = pages[0].shape[:2]
    say(target, f"{width} x {height} px in {seconds:.2f} s, network {options['net']}")
