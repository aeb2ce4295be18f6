"""``pkn uncertainty``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._first_use import announce_compiling
from pkn.cli._image_files import read
from pkn.cli._shared import FOLDER, IMAGE, MAX_PIXELS, net_options


@click.command("uncertainty")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("folder", type=FOLDER, metavar="DIR")
@net_options
@click.option("--draws", default=16, show_default=True, help="Of the noise: the image is denoised twice as often.")
@click.option("--coverage", default=0.9, show_default=True, help="Share of clean pixels between low.tif and high.tif.")
@click.option("--rng", default=0, show_default=True, help="Seed.")
@MAX_PIXELS
def command(
    source: Path, folder: Path, net: str, draws: int, coverage: float, max_pixels: int | None, **settings: Any
) -> None:
    """Denoise the image IN, and say how sure each pixel is: DIR/result, std, bias, low and high.tif, as floats.

    Where the network's intervals weren't measured (all but any-noise), low and high are left out.
    """
    import numpy as np

    from pkn.evidence.deviations import uncertainty
    from pkn.io.image_file import ImageFile
    from pkn.io.images import write_image

    announce_compiling()
    image = read(source, max_pixels)
    if len(image.pages) > 1:
        raise ValueError(f"'{source}' has {len(image.pages)} pages; expected one")
    sure = uncertainty(image.pages[0], net, channel_axis=image.channel_axis, draws=draws, **settings)
    written = {"result": sure.result, "std": sure.std, "bias": sure.bias}
    if sure.intervals is not None:
        written |= dict(zip(("low", "high"), sure.interval(coverage), strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in written.items():
        write_image(folder / f"{name}.tif", ImageFile((values.astype(np.float32),)))
    click.echo(
        f"{folder}: {', '.join(written)}; median deviation {np.nanmedian(sure.std):.3g} for a noise level of "
        f"{sure.noise_level:.3g}, known within {100 * sure.monte_carlo_error:.0f} % at a pixel"
    )
