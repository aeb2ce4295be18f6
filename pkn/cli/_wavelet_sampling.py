"""What the commands share that sample wavelet models."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import MODEL_FOLDER

OPTIONS = (
    MODEL_FOLDER,
    click.option("--n", "-n", default=16, show_default=True, help="Number of images."),
    click.option("--field", default=13, show_default=True, help="Receptive field of details' networks, px."),
    click.option("--rng", default=0, show_default=True, help="Seed."),
    click.option(
        "--beta", type=click.FloatRange(0, 1), help="Of details: 1 adds no noise, 0 all of it; 0.1 by default."
    ),
    click.option("--stop", type=click.FloatRange(0), help="Noise over details' deviation to stop at; 0.01 by default."),
    click.option("--notebook", is_flag=True, help="Details as in the authors' notebook: --beta 1 --stop 0.05."),
    click.option("--half", is_flag=True, help="Compute the networks in bfloat16, but for the finest scale."),
    click.option(
        "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Batches at a time, a core each."
    ),
)


def sampling_options(function: Any) -> Any:
    """Model, number, seed, and how it is computed."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def take_details(options: dict[str, Any]) -> Any:
    """Take the options for details out of all options; their settings."""
    from pkn.wavelets.sampling import DETAILS, NOTEBOOK_DETAILS

    settings = NOTEBOOK_DETAILS if options.pop("notebook") else DETAILS
    given = {"beta": options.pop("beta"), "sigma_last": options.pop("stop")}
    return replace(settings, **{name: value for name, value in given.items() if value is not None})


def find_model(weights: Path, field: int) -> Any:
    """The model in a folder; torch on one thread, for batches have a core each."""
    import torch

    from pkn.wavelets.models import find_wavelet_model

    torch.set_num_threads(1)
    return find_wavelet_model(weights, field)
