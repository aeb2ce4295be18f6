"""``pkn wavelet-sample``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import PICTURE, require_torch
from pkn.cli._wavelet_sampling import find_model, sampling_options, take_details


@click.command("wavelet-sample")
@click.argument("out", type=PICTURE)
@sampling_options
@click.option("--size", type=int, help="Side of the images, px; by default that of the model's training images.")
@click.option("--fixed", is_flag=True, help="Steps of the low-pass stay 0.01 (published); slow.")
def command(out: Path, weights: Path, field: int, n: int, fixed: bool, **options: Any) -> None:
    """Draw images from a multi-scale model, coarse to fine, as one grid OUT."""
    require_torch("sampling")
    import numpy as np

    from pkn.plotting.image_grid import write_grid
    from pkn.wavelets.sampling import LOW, PUBLISHED_LOW, wavelet_samples

    details, model = take_details(options), find_model(weights, field)
    with progress_bar("chains") as callback:
        low = PUBLISHED_LOW if fixed else LOW
        samples = wavelet_samples(model, n, low=low, details=details, callback=callback, **options)
    images = samples.images[samples.converged]
    if not len(images):
        samples.checked()
    write_grid(out, np.clip(images, 0, 1)[..., None])
    if len(images) < n:
        click.echo(f"{n - len(images)} of {n} chains didn't converge, and were left out", err=True)
    steps = "; ".join(f"{stage.min()} to {stage.max()}" for stage in samples.steps.T)
    click.echo(f"{out}: {len(images)} images; steps, from the coarsest scale on: {steps}")
