"""``pkn evaluate-cold``."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import FEATURES_HELP, print_table, require_skimage, require_torch
from pkn.cli._training import COUNT, IMAGES

COLUMNS = ["", "Fréchet distance", "SSIM", "RMSE"]


@click.command("evaluate-cold")
@click.argument("models", nargs=-1, required=True)
@click.option("--data", type=IMAGES, required=True, help="What they were trained on.")
@click.option("--others", type=IMAGES, help="Images of another set, for animorphosis.")
@click.option("--features", default="classifier", show_default=True, help=FEATURES_HELP)
@click.option("--n", "-n", type=click.IntRange(min=2), default=2000, show_default=True, help="Test images.")
@click.option("--steps", type=COUNT, help="Of the sampler; by default as many as the degradation has.")
@click.option("--threads", type=COUNT, default=2, show_default=True, help="Batches at a time, each on one core.")
@click.option("--half", is_flag=True, help="Compute in bfloat16 where that is safe.")
@click.option("--eight-bits", is_flag=True, help="Round degraded images to 256 values, as files hold them.")
@click.option("--generate", is_flag=True, help="Rather draw N images from nothing, with and without broken symmetry.")
def command(models: tuple[str, ...], data: Path, others: Path | None, features: str, n: int, **given: Any) -> None:
    """Measure cold restorers on images that they never saw: test images if DATA has any, or every tenth.

    Degraded images, restored in one step and by Algorithms 1 and 2. Only between Inception's features Fréchet's
    distance is FID; between others it is none, and none like it elsewhere.
    """
    require_torch("measuring")
    require_skimage()
    import numpy as np
    import torch

    from pkn.evaluation.cold_diffusion import generation_scores, scores
    from pkn.evaluation.features import find_features
    from pkn.io.datasets import read_set
    from pkn.sampling.cold_model import find_cold_model

    torch.set_num_threads(1)
    size, channels = _shape(find_cold_model(models[0]))
    images = read_set(data, channels=channels, size=size)
    chosen = images.held_out[np.random.default_rng(0).permutation(len(images.held_out))[:n]]
    with progress_bar("classifier") as callback:
        space = find_features(features, data, images, callback)
    click.echo(f"features of {space.name}; {len(chosen)} images")
    for name in models:
        model = replace(find_cold_model(name, others), half=given["half"])
        if _shape(model) != (size, channels):
            raise ValueError(f"'{name}' is for images of {_shape(model)} px and channels; expected {(size, channels)}")
        options = {"steps": given["steps"], "threads": given["threads"]}
        measure = generation_scores if given["generate"] else partial(scores, eight_bits=given["eight_bits"])
        rows: Any = measure(model, chosen, space, **options)
        print_table(Path(name).stem, COLUMNS[:2] if given["generate"] else COLUMNS, rows)


def _shape(model: Any) -> tuple[int, int]:
    return model.net.settings.size, model.net.settings.channels
