"""``pkn evaluate-sampler``."""

import time
from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import FEATURES_HELP, OUTPUT, print_table, require_torch

SHOWN = 16  # samples in the grid of neighbours
CURVE = {"euler": (8, 16, 32, 64), "heun": (4, 8, 16, 32), "ancestral": (8, 16, 32, 64)}  # steps


def _chosen(given: dict[str, Any], *names: str) -> dict[str, Any]:
    """Options of the sampler; all, or those of these names."""
    return {name: given[name] for name in names or ("steps", "solver", "guidance", "threads")}


def _distance(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import Comparison, features_of_samples, references

    rows = [(name, *values) for name, values in references(images, given["n"], embed)]
    start = time.perf_counter()
    drawn = features_of_samples(net, given["n"], embed, rng=0, **_chosen(given))
    found = Comparison.of(drawn, embed(images.held_out))
    rows.insert(0, (f"samples, {given['steps']} {given['solver']} steps", *found))
    columns = ["", "Fréchet distance", "precision", "recall"]
    print_table(f"Against held-out images, {given['n']} each", columns, rows)
    click.echo(f"{1e3 * (time.perf_counter() - start) / given['n']:.0f} ms a sample")


def _int8(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import distance_of_samples
    from pkn.nets.models.int8 import quantized

    rows = []
    for name, each in (("float32", net), ("int8", quantized(net))):
        size = sum(values.numel() * values.element_size() for values in each.state_dict().values()) / 1e6
        distance = distance_of_samples(each, images, given["n"], embed, rng=0, **_chosen(given))
        rows.append((name, f"{size:.2f} MB", distance))
    print_table(f"Quantised, {given['n']} samples", ["weights", "size", "distance"], rows)


def _denoising(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import denoising

    number = min(given["denoised"], len(images.held_out))
    rows = list(denoising(net, images, number))
    print_table(f"Denoising at t = 0.5, {number} held-out images", ["", "PSNR, dB"], rows)


def _spectrum(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import LOW, drift_spectrum

    if net.drift is None:
        return
    rows = [(f"{t:g}", *values) for t, values in drift_spectrum(net, images, 64)]
    columns = ["t", "drift's energy over the filtered image's", f"drift's under {LOW:g}/px", "filtered image's"]
    print_table("Drift", columns, rows)


def _curve(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import steps_and_quality

    rows = list(steps_and_quality(net, images, given["curve_n"], embed, CURVE, **_chosen(given, "guidance", "threads")))
    title = f"Steps and quality, {given['curve_n']} samples each; Heun's predict twice a step"
    print_table(title, ["solver", "steps", "distance"], rows)


def _neighbours(net: Any, images: Any, embed: Any, given: dict[str, Any]) -> None:
    from pkn.evaluation.samplers import NEIGHBOURS, neighbours
    from pkn.plotting.image_grid import write_grid
    from pkn.sampling.kernel_predicting import sample

    if given["neighbours_file"] is not None:
        drawn = sample(net, SHOWN, rng=0, **_chosen(given, "steps", "solver", "guidance"))
        write_grid(given["neighbours_file"], neighbours(drawn, images, embed), 1 + 2 * NEIGHBOURS)
        click.echo(f"{given['neighbours_file']}: samples, the nearest by pixels, the nearest by features")


MEASURES = {
    "distance": _distance,
    "int8": _int8,
    "denoising": _denoising,
    "spectrum": _spectrum,
    "curve": _curve,
    "neighbours": _neighbours,
}
OF_KERNELS = ("int8", "spectrum")


@click.command("evaluate-sampler")
@click.argument("model")
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="What it was trained on.")
@click.option("--features", required=True, help=FEATURES_HELP)
@click.option("--n", "-n", default=2000, show_default=True, help="Samples for a Fréchet distance.")
@click.option("--steps", default=16, show_default=True, help="Steps of the sampler.")
@click.option("--solver", default="ancestral", show_default=True, help="euler, heun or ancestral.")
@click.option("--guidance", type=float, help="As pkn sample's.")
@click.option("--curve-n", default=400, show_default=True, help="Samples for each point of the curve.")
@click.option("--threads", default=2, show_default=True, help="Batches drawn at a time, each on one core.")
@click.option("--only", multiple=True, help=f"Some of {', '.join(MEASURES)}; by default all.")
@click.option("--denoised", default=200, show_default=True, help="Held-out images to denoise.")
@click.option("--neighbours", "neighbours_file", type=OUTPUT, help="Write samples beside the nearest training images.")
def command(model: str, data: Path, features: str, only: tuple[str, ...], **given: Any) -> None:
    """Measure a sampler against images it never saw: every tenth of DATA.

    Only between Inception's features Fréchet's distance is FID; between others it is none, and none like it elsewhere.
    """
    require_torch("measuring")
    import torch

    from pkn.evaluation.features import find_features
    from pkn.evaluation.samplers import embedder
    from pkn.io.datasets import read_set
    from pkn.nets.models.kernel_predicting import KernelPredictingNet
    from pkn.sampling.kernel_predicting import find_kernels, find_sampler

    if unknown := set(only) - MEASURES.keys():
        raise ValueError(f"--only is {unknown.pop()!r}; expected some of {', '.join(MEASURES)}")
    torch.set_num_threads(1)
    asked = [name for name in only if name in OF_KERNELS]
    net = find_kernels(model, f"--only {asked[0]}") if asked else find_sampler(model)
    measures = only or [name for name in MEASURES if name not in OF_KERNELS or isinstance(net, KernelPredictingNet)]
    size = net.settings.size
    images = read_set(data, channels=net.settings.channels, size=size)
    with progress_bar("classifier") as callback:
        space = find_features(features, data, images, callback)
    click.echo(f"features of {space.name}")
    embed = embedder(space)
    for name in measures:
        MEASURES[name](net, images, embed, given)
