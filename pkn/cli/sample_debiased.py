"""``pkn sample-debiased``."""

from pathlib import Path

import click

from pkn.cli._shared import PICTURE, require_torch
from pkn.cli._training import IMAGES

PER_ROW = 3  # samples, each beside what it came from


@click.command("sample-debiased")
@click.argument("model")
@click.argument("out", type=PICTURE)
@click.option("--data", type=IMAGES, required=True, help="What the model was trained on: folder, zip or npz.")
@click.option("--alpha", default=1.0, show_default=True, help="Bandwidth; images are in [-1, 1].")
@click.option("--levels", type=(float, float), default=(0.8, 1.2), show_default=True, help="Noise levels of stage 2.")
@click.option("--steps", type=click.IntRange(min=0), default=4, show_default=True, help="Of stage 2; 0 leaves it out.")
@click.option(
    "--sde", type=float, help="Stage 2 as a stochastic differential equation, with noise of this deviation per time."
)
@click.option("--n", "-n", type=click.IntRange(min=1), default=24, show_default=True, help="Number of images.")
@click.option("--rng", type=click.IntRange(min=0), default=0, show_default=True, help="Seed.")
def command(
    model: str,
    out: Path,
    data: Path,
    alpha: float,
    levels: tuple[float, float],
    steps: int,
    sde: float | None,
    n: int,
    rng: int,
) -> None:
    """Draw images from a kernel density estimate of DATA, and make them sharp.

    MODEL is a bundled name or .safetensors file of pkn train-cold --degradation camera --set gain=0 --error squared. In
    the grid OUT, for each: a training image, the smooth image that stage 1 makes of it, stage 2's, and the training
    image nearest to that.
    """
    require_torch("sampling")
    import numpy as np
    import torch

    from pkn.evaluation.distribution_metrics import nearest
    from pkn.io.datasets import read_set
    from pkn.io.tensors import to_pictures, to_tensor
    from pkn.plotting.image_grid import write_grid
    from pkn.sampling.cold_model import find_cold_model
    from pkn.sampling.debiased import debiased_samples

    found = find_cold_model(model)
    settings = found.net.settings
    images = read_set(data, channels=settings.channels, size=settings.size).training
    seeds = to_tensor(images[np.random.default_rng(rng).integers(len(images), size=n)])
    states = debiased_samples(found, seeds, alpha, rng=rng, levels=levels, steps=steps, sde=sde)
    _, near = nearest(states[-1].flatten(1).numpy(), to_tensor(images).flatten(1).numpy())
    shown = torch.stack([seeds, states[0], states[-1], to_tensor(images[near])], 1).flatten(0, 1)
    write_grid(out, to_pictures(shown), 4 * PER_ROW)
    click.echo(f"{out}: {n} images, bandwidth {alpha:g}, {steps} steps of stage 2")
