"""``pkn wavelet-super-resolve``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import read
from pkn.cli._progress import progress_bar
from pkn.cli._shared import IMAGE, MAX_PIXELS, PICTURE, require_torch
from pkn.cli._wavelet_sampling import find_model, sampling_options, take_details


@click.command("wavelet-super-resolve")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("out", type=PICTURE)
@sampling_options
@click.option("--levels", default=2, show_default=True, help="Doublings, up to the model's scales.")
@click.option("--mean", is_flag=True, help="Write the samples' mean, which is nearest in squared error.")
@MAX_PIXELS
def command(
    source: Path, out: Path, weights: Path, field: int, mean: bool, max_pixels: int | None, **options: Any
) -> None:
    """Draw images whose means of pixels are the grey image file IN, as one grid OUT (or their mean)."""
    require_torch("sampling")
    import numpy as np

    from pkn.plotting.image_grid import write_grid
    from pkn.wavelets.sampling import wavelet_super_resolve

    image = read(source, max_pixels)
    if image.channel_axis is not None:
        raise ValueError(f"'{source}' has colours; expected a grey image")
    details, model = take_details(options), find_model(weights, field)
    with progress_bar("chains") as callback:
        samples = wavelet_super_resolve(image.pages[0], model, details=details, callback=callback, **options)
    images = samples.mean(0, keepdims=True) if mean else samples
    write_grid(out, np.clip(images, 0, 1)[..., None])
    height, width = samples.shape[1:]
    click.echo(f"{out}: {'the mean of ' if mean else ''}{len(samples)} images of {width} x {height} px")
