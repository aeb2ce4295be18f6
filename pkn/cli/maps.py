"""``pkn maps``."""

from pathlib import Path

import click

from pkn.cli._shared import FOLDER, IMAGE, net_options, progress, read, save_maps


@click.command("maps")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("folder", type=FOLDER, metavar="DIR")
@net_options
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def command(source: Path, folder: Path, net: str, strength: float, sigma: float | None, max_pixels: int | None) -> None:
    """Predict the parameter maps of the image file IN: pictures and maps.npz in DIR."""
    from pkn.restoration.denoising import predict_maps

    image = read(source, max_pixels)
    for number, page in enumerate(progress(image.pages, "pages")):
        predicted = predict_maps(page, net, strength=strength, sigma=sigma, channel_axis=image.channel_axis)
        save_maps(predicted, folder / (f"page{number}" if len(image.pages) > 1 else ""))
    click.echo(f"{folder}: {predicted!r}")
