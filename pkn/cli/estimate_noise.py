"""``pkn estimate-noise``."""

from pathlib import Path

import click

from pkn.cli._image_files import read
from pkn.cli._progress import with_progress
from pkn.cli._shared import IMAGE, MAX_PIXELS, OUTPUT, print_table


@click.command("estimate-noise")
@click.argument("source", type=IMAGE, metavar="IN")
@MAX_PIXELS
@click.option("--save", type=OUTPUT, metavar="JSON", help="Write the first page's profile, for pkn denoise --noise.")
@click.option("--plot", type=OUTPUT, metavar="PNG", help="Draw the first page's profile.")
def command(source: Path, max_pixels: int | None, save: Path | None, plot: Path | None) -> None:
    """Estimate the noise of the image file IN: gain, read noise and spatial correlation, for each page.

    Levels are standard deviations in image values: fractions of the full range for integers of 8 and 16 bits.
    """
    from matplotlib.figure import Figure

    from pkn.plotting.maps import save_figure
    from pkn.restoration.noise_estimation import estimate_noise

    image, rows = read(source, max_pixels), []
    for number, (pixels, alpha) in enumerate(with_progress(list(zip(image.pages, image.alpha, strict=True)), "pages")):
        mask = None if alpha is None or not alpha.any() else alpha > 0
        noise = estimate_noise(pixels, channel_axis=image.channel_axis, mask=mask)
        rows.append((number, noise.level, noise.gain, noise.read_noise, noise.black, f"{noise.correlation:.2f}"))
        if number == 0 and save:
            noise.save(save)
        if number == 0 and plot:
            figure = Figure(figsize=(5, 3.5), layout="constrained")
            noise.plot(figure.add_subplot())
            save_figure(figure, plot)
    columns = ["page", "noise level", "gain", "read noise", "black", "correlation, px"]
    print_table(source.name, columns, rows)
