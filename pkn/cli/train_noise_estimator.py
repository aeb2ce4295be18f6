"""``pkn train-noise-estimator``."""

from pathlib import Path

import click

from pkn.cli._model_card import leave_card
from pkn.cli._progress import progress_bar
from pkn.cli._shared import DATA, OUTPUT, require_torch


@click.command("train-noise-estimator")
@click.option("--data", type=DATA, required=True, help="Folder of images.")
@click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
@click.option("--examples", default=10_000, show_default=True, help="Simulated noisy images.")
@click.option("--seed", default=0, show_default=True)
@click.option("--rgb", is_flag=True, help="For RGB images (by default grey).")
@click.option("--sensor", is_flag=True, help="For gain and read noise (by default for what denoisers are told).")
def command(data: Path, out: Path, examples: int, seed: int, rgb: bool, sensor: bool) -> None:
    """Train the regression that tells an image's noise from its texture, on simulated noise of all kinds."""
    require_torch("training")
    from pkn.io.folders import read_folder
    from pkn.training.noise_estimator import train_noise_estimator

    with progress_bar("examples") as callback:
        error = train_noise_estimator(read_folder(data, 3 if rgb else 1), out, examples, seed, callback, sensor)
    click.echo(f"{out}: noise levels within {100 * error:.1f} % on examples held back")
    leave_card([out])
