"""``pkn measure-intervals``."""

from pathlib import Path

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import DATA, OUTPUT


@click.command("measure-intervals")
@click.option("--data", type=DATA, required=True, help="Folder of clean images.")
@click.option("--out", type=OUTPUT, required=True, help="File to write, .json.")
@click.option("--net", default="any-noise", show_default=True, help="Bundled name or .safetensors file.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Images, at random from DATA."
)
@click.option("--crop", type=click.IntRange(min=64), help="Of each image a part of this side at random: faster.")
@click.option("--rgb", is_flag=True, help="Of RGB images (by default grey).")
@click.option("--rng", default=0, show_default=True, help="Seed.")
def command(data: Path, out: Path, net: str, limit: int, crop: int | None, rgb: bool, rng: int) -> None:
    """Measure how far the truth is from denoised images, for the intervals of pkn.uncertainty."""
    import numpy as np

    from pkn.evidence.interval_measurement import measure_intervals
    from pkn.io.folders import read_folder, to_float32

    images = read_folder(data, 3 if rgb else 1)
    order = np.random.default_rng(rng).permutation(len(images))[:limit]
    chosen = [to_float32(images[number] if rgb else images[number][..., 0]) for number in order]
    if crop:
        random = np.random.default_rng(rng)
        starts = [[random.integers(max(1, side - crop + 1)) for side in image.shape[:2]] for image in chosen]
        chosen = [image[y : y + crop, x : x + crop] for image, (y, x) in zip(chosen, starts, strict=True)]
    about = f"pkn measure-intervals --data {data.name} --net {net} --limit {limit} --rng {rng}"
    about += f" --crop {crop}" * bool(crop) + " --rgb" * rgb
    with progress_bar("images") as callback:
        measure_intervals(
            chosen, net, rng=[np.random.default_rng([rng, number]) for number in order], about=about, callback=callback
        ).save(out)
    click.echo(f"{out}: {len(chosen)} images")
