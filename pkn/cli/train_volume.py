"""``pkn train-volume``."""

from pathlib import Path

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import OUTPUT, require_torch


@click.command("train-volume")
@click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
@click.option("--steps", default=3000, show_default=True, help="Length of the run; a step takes about a second.")
@click.option("--seed", default=0, show_default=True)
@click.option("--start", default="any-noise", show_default=True, help="Network of volumes or planes to start from.")
@click.option("--resume", is_flag=True, help="Go on from OUT.checkpoint.")
def command(out: Path, steps: int, seed: int, start: str, resume: bool) -> None:
    """Train the network for volumes on simulated ones: spheres, membranes, filaments, few photons."""
    require_torch("training")
    from pkn.cli._model_card import leave_card
    from pkn.cli.train import note
    from pkn.training.checkpoints import checkpoint_path
    from pkn.training.volumes import VolumePlan, VolumeTraining

    if out.suffix != ".safetensors":
        raise ValueError(f"--out is '{out}'; expected a name that ends in .safetensors")
    training = VolumeTraining(VolumePlan(steps=steps, seed=seed, start=start))
    if resume:
        training.resume(checkpoint_path(out))
    with progress_bar("steps", note) as callback:
        training.run(out, callback)
    leave_card([out])
