"""``pkn debias``."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import read, restore_file
from pkn.cli._many_files import image_files, say
from pkn.cli._shared import MAX_PIXELS, net_options


@click.command("debias")
@image_files()
@net_options
@click.option("--steps", type=click.IntRange(min=0), help="Of the iteration; chosen by Stein's estimate by default.")
@click.option("--rate", default=0.5, show_default=True, help="Of a step, above 0, at most 1.")
@click.option("--rng", default=0, show_default=True, help="Seed of the estimate's probe.")
@MAX_PIXELS
def command(source: Path, target: Path, max_pixels: int | None, **settings: Any) -> None:
    """Denoise image files into OUT, and give back the contrast that smoothing took."""
    image = read(source, max_pixels)
    if any(alpha is not None and not alpha.all() for alpha in image.alpha):
        raise ValueError(f"'{source}' has transparent pixels; expected an opaque image")
    done = restore_file(image, source, target, partial(_debias_page, **settings))
    say(target, f"{done.megapixels:.2f} MP in {done.seconds:.2f} s, network {settings['net']}")


def _debias_page(
    pixels: Any, channel_axis: int | None, mask: Any, steps: int | None, rate: float, rng: int, **settings: Any
) -> tuple[Any, Any]:
    from pkn.filters.arrays import rounded
    from pkn.restoration.debiasing import debias
    from pkn.restoration.denoising import predict_maps

    maps = predict_maps(pixels, channel_axis=channel_axis, **settings)
    smooth = maps.apply(pixels)
    result = debias(smooth, maps, steps=steps, rate=rate, noisy=pixels, rng=rng)
    return maps, rounded(result, pixels.dtype)
