"""``pkn predict-maps``, and its short form ``pkn maps``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import read, save_pages
from pkn.cli._progress import with_progress
from pkn.cli._shared import FOLDER, IMAGE, MAX_PIXELS, net_options


@click.command("predict-maps")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("folder", type=FOLDER, metavar="DIR")
@net_options
@MAX_PIXELS
def command(source: Path, folder: Path, max_pixels: int | None, **settings: Any) -> None:
    """Predict the parameter maps of the image file IN: pictures and maps.npz in DIR."""
    from pkn.restoration.denoising import predict_maps

    image = read(source, max_pixels)
    maps = [
        predict_maps(pixels, channel_axis=image.channel_axis, **settings)
        for pixels in with_progress(image.pages, "pages")
    ]
    save_pages(maps, folder)
    click.echo(f"{folder}: {maps[-1]!r}")
