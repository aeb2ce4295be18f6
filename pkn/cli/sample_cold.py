"""``pkn sample-cold``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import PICTURE, require_torch
from pkn.cli._training import IMAGES

COLUMNS = 12  # of a strip


@click.command("sample-cold")
@click.argument("model")
@click.argument("out", type=PICTURE)
@click.option("--n", "-n", type=click.IntRange(min=1), default=36, show_default=True, help="Number of images.")
@click.option(
    "--data", type=IMAGES, help="Degrade and restore test images of this set, rather than start from nothing."
)
@click.option("--others", type=IMAGES, help="Images of another set, for animorphosis.")
@click.option("--algorithm", default="algorithm_2", show_default=True, help="algorithm_2, algorithm_1 or estimated.")
@click.option("--steps", type=click.IntRange(min=1), help="By default as many as the degradation has.")
@click.option("--noise", default=0.002, show_default=True, help="Added to the start, to break its symmetry.")
@click.option("--rng", default=0, show_default=True, help="Seed.")
@click.option("--strips", is_flag=True, help="Show each image's way in a row, not its end alone.")
def command(
    model: str, out: Path, n: int, data: Path | None, others: Path | None, strips: bool, **options: Any
) -> None:
    """Make images by MODEL, a bundled name or .safetensors file of pkn train-cold, as one grid OUT."""
    require_torch("sampling")
    import numpy as np
    import torch

    from pkn.io.datasets import read_set
    from pkn.io.tensors import to_pictures, to_tensor
    from pkn.plotting.image_grid import write_grid
    from pkn.sampling.cold_diffusion import start, states
    from pkn.sampling.cold_model import find_cold_model

    found = find_cold_model(model, others)
    settings = found.net.settings
    generator = torch.Generator().manual_seed(options.pop("rng"))
    noise = options.pop("noise")
    if data is None:
        x, degrade = start(found, n, generator, noise)
    else:
        images = read_set(data, channels=settings.channels, size=settings.size).held_out
        clean = to_tensor(images[torch.randperm(len(images), generator=generator)[:n].numpy()])
        degrade = found.degradation.sample(clean, generator)
        x = degrade(clean, found.degradation.steps)
    way = [x]
    with progress_bar("steps") as callback, torch.inference_mode():
        for done, state in enumerate(states(found, x, degrade, **options), 1):
            callback(done, options["steps"] or found.degradation.steps)
            way.append(state.x)
    shown = [way[-1]]
    if strips:
        shown = [way[k] for k in np.unique(np.linspace(0, len(way) - 1, COLUMNS).round().astype(int))]
        shown += [clean] if data is not None else []
    write_grid(out, np.clip(to_pictures(torch.stack(shown, 1).flatten(0, 1)), 0, 1), len(shown) if strips else None)
    click.echo(f"{out}: {len(x)} images, {len(way) - 1} steps")
