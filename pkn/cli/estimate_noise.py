"""``pkn estimate-noise``."""

from pathlib import Path

import click

from pkn.cli._image_files import read
from pkn.cli._progress import with_progress
from pkn.cli._shared import IMAGE, MAX_PIXELS, print_table


@click.command("estimate-noise")
@click.argument("source", type=IMAGE, metavar="IN")
@MAX_PIXELS
def command(source: Path, max_pixels: int | None) -> None:
    """Estimate the noise of the image file IN: gain, read noise and spatial correlation, for each page.

    Levels are standard deviations of 255, the full range; the gain is variance per intensity, both of 1.
    """
    from pkn.restoration.noise_estimation import estimate_noise

    image, rows = read(source, max_pixels), []
    for number, (pixels, alpha) in enumerate(with_progress(list(zip(image.pages, image.alpha, strict=True)), "pages")):
        mask = None if alpha is None or not alpha.any() else alpha > 0
        noise = estimate_noise(pixels, channel_axis=image.channel_axis, mask=mask)
        levels = (255 * noise.read_noise, 255 * noise.at(0.5))
        rows.append((number, noise.gain, *(f"{level:.2f}" for level in levels), f"{noise.correlation:.2f}"))
    columns = ["page", "gain", "read noise /255", "at mid-grey /255", "correlation, px"]
    print_table(source.name, columns, rows)
