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
@click.option("--std", type=PICTURE, help="Write each pixel's standard deviation there (TIFF and NPY: as floats).")
@MAX_PIXELS
def command(
    source: Path,
    out: Path,
    weights: Path,
    field: int,
    mean: bool,
    std: Path | None,
    max_pixels: int | None,
    **options: Any,
) -> None:
    """Draw images whose means of pixels are the grey image file IN, as one grid OUT (or their mean)."""
    require_torch("sampling")
    import numpy as np

    from pkn.io.image_file import ImageFile
    from pkn.io.images import write_image
    from pkn.plotting.image_grid import write_grid
    from pkn.wavelets.sampling import wavelet_super_resolve

    image = read(source, max_pixels)
    if image.channel_axis is not None:
        raise ValueError(f"'{source}' has colours; expected a grey image")
    details, model = take_details(options), find_model(weights, field)
    with progress_bar("chains") as callback:
        found: Any = wavelet_super_resolve(
            image.pages[0], model, details=details, return_std=std is not None, callback=callback, **options
        )
    samples = found if std is None else found.samples
    images = samples.mean(0, keepdims=True) if mean else samples
    write_grid(out, np.clip(images, 0, 1)[..., None])
    if std is not None:
        write_image(std, ImageFile((found.std,)))
    height, width = samples.shape[1:]
    click.echo(f"{out}: {'the mean of ' if mean else ''}{len(samples)} images of {width} x {height} px")
