"""``pkn sample``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import FOLDER, IMAGE, OUTPUT, PICTURE, require_torch


@click.command("sample")
@click.argument("model")
@click.argument("out", type=PICTURE)
@click.option("--n", "-n", default=16, show_default=True, help="Number of images.")
@click.option("--steps", default=16, show_default=True, help="Steps of the sampler.")
@click.option("--rng", default=0, show_default=True, help="Seed.")
@click.option("--solver", default="ancestral", show_default=True, help="ancestral, euler or heun.")
@click.option("--image", type=IMAGE, help="Begin with this picture, cropped and resized, instead of noise.")
@click.option("--mask", type=IMAGE, help="Black where --image is to be painted; the rest is kept.")
@click.option("--strength", type=float, help="Noise in --image at first, up to 1.  [default: 0.5, with --mask 1]")
@click.option("--between", nargs=2, type=int, help="Images on the way from one seed to another (euler, heun).")
@click.option("--guidance", type=float, help="Beyond the network's images; 1 for not at all.  [default: 2 for cats]")
@click.option("--half", is_flag=True, help="Compute in bfloat16 where that is safe.")
@click.option("--frames", type=OUTPUT, help="Write the way there as an animated .gif.")
@click.option("--explain", type=FOLDER, help="Write what each step does to one image to DIR.")
@click.option("--int8", is_flag=True, help="Compute the filter network's layers in int8.")
@click.option("--device", default="cpu", show_default=True, help="Of torch.")
def command(
    model: str,
    out: Path,
    n: int,
    image: Path | None,
    mask: Path | None,
    between: tuple[int, int] | None,
    frames: Path | None,
    explain: Path | None,
    int8: bool,
    **options: Any,
) -> None:
    """Draw images from MODEL, a bundled name or .safetensors file, as one grid OUT."""
    require_torch("sampling")
    from pkn.io.datasets import read_square
    from pkn.nets.models.int8 import quantized
    from pkn.plotting.image_grid import make_grid, write_gif, write_grid
    from pkn.sampling.explanation import write_explanation
    from pkn.sampling.kernel_predicting import find_kernels, find_sampler, states

    if frames is not None and frames.suffix.lower() != ".gif":
        raise ValueError(f"--frames is '{frames}'; expected a name that ends in .gif")
    of_kernels = [name for name, given in (("--explain", explain), ("--int8", int8)) if given]
    net: Any = find_kernels(model, of_kernels[0]) if of_kernels else find_sampler(model)
    size, channels = net.settings.size, net.settings.channels
    if image is not None:
        options["image"] = read_square(image, channels, size)
    if mask is not None:
        options["mask"] = read_square(mask, 1, size)[..., 0] >= 128
    net = quantized(net) if int8 else net
    film = []
    with progress_bar("steps") as callback:
        for done, state in enumerate(states(net, n, between=between, **options), 1):
            callback(done, options["steps"])
            if frames is not None:
                film.append(make_grid(state.predicted))
    write_grid(out, state.predicted)
    if frames is not None:
        write_gif(frames, film)
    if explain is not None:
        write_explanation(net, explain, **options)
    click.echo(f"{out}: {n} images, {options['steps']} steps of {options['solver']}")
