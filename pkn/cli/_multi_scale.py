"""``pkn sample --weights DIR``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from pkn.cli._shared import DATA, parts_progress

MULTI_SCALE = ("weights", "field", "fixed", "size", "half", "threads")
OTHERS = ("steps", "solver", "frames", "explain", "int8", "device")  # of single-scale samplers


def multi_scale_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--weights", type=DATA, metavar="DIR", help="Sample the multi-scale model in this folder."),
            click.option("--field", default=13, show_default=True, help="With --weights: of details' networks, px."),
            click.option(
                "--fixed", is_flag=True, help="With --weights: steps of the low-pass stay 0.01 (published); slow."
            ),
            click.option("--size", default=160, show_default=True, help="With --weights: side of the images, px."),
            click.option("--half", is_flag=True, help="With --weights: compute the networks in bfloat16."),
            click.option(
                "--threads",
                type=click.IntRange(min=1),
                default=2,
                show_default=True,
                help="With --weights: batches at a time, each on one core.",
            ),
        )
    ):
        function = option(function)
    return function


def refuse(context: click.Context, names: Sequence[str], when: str) -> None:
    """One error for an option of the other kind of sampler."""
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ValueError(f"--{name} is given; expected none of {', '.join(names)} {when} --weights")


def sample_multi_scale(
    context: click.Context, out: Path, n: int, rng: int, *, weights: Path, field: int, fixed: bool, **options: Any
) -> None:
    """The sheet of a multi-scale model's images."""
    refuse(context, OTHERS, "with")
    import numpy as np
    import torch

    from pkn.plotting.image_grid import write_grid
    from pkn.wavelets.models import find_wavelet_model
    from pkn.wavelets.sampling import LOW, PUBLISHED_LOW, wavelet_samples

    torch.set_num_threads(1)
    model = find_wavelet_model(weights, field)
    with parts_progress() as tell:
        found = wavelet_samples(model, n, rng=rng, low=PUBLISHED_LOW if fixed else LOW, tell=tell, **options)
    good = found.images[found.converged]
    if not len(good):
        found.checked()
    write_grid(out, np.clip(good, 0, 1)[..., None])
    if len(good) < n:
        click.echo(f"{n - len(good)} of {n} chains didn't converge, and were left out", err=True)
    steps = "; ".join(f"{stage.min()} to {stage.max()}" for stage in found.steps.T)
    click.echo(f"{out}: {len(good)} images; steps, from the coarsest scale on: {steps}")
