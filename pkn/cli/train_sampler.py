"""``pkn train-sampler``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import OUTPUT, require_torch

IMAGES = click.Path(exists=True, path_type=Path)
POSITIVE, COUNT = click.FloatRange(min=0, min_open=True), click.IntRange(min=1)
SHEET = 36  # samples


@click.command("train-sampler")
@click.option("--data", type=IMAGES, required=True, help="Folder, zip or npz of images.")
@click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
@click.option("--config", default="small", show_default=True, help="small or published.")
@click.option(
    "--minutes", type=POSITIVE, default=60.0, show_default=True, help="Length of the run; resumed, of all its parts."
)
@click.option("--steps", type=COUNT, help="Or its length in steps, if that comes first.")
@click.option("--batch", type=COUNT, default=32, show_default=True, help="Images in a step.")
@click.option("--threads", type=COUNT, default=2, show_default=True, help="That share a batch among them.")
@click.option("--rate", default=3e-4, show_default=True, help="Learning rate.")
@click.option("--seed", default=0, show_default=True)
@click.option("--grey", is_flag=True, help="Learn grey images (by default RGB).")
@click.option("--resize", type=int, metavar="PX", help="Crop to squares and resize them to this side.")
@click.option(
    "--perceptual",
    default="lpips",
    show_default=True,
    help="Perceptual part of the loss: lpips (the package), an .npz of SqueezeNet 1.1's weights, or none.",
)
@click.option("--perceptual-weights", type=IMAGES, help="LPIPS's .pth for SqueezeNet.")
@click.option("--mirror/--no-mirror", default=True, show_default=True, help="Mirror half of the images: not letters.")
@click.option("--half", is_flag=True, help="Compute in bfloat16 where that is safe.")
@click.option(
    "--check-minutes", default=10.0, show_default=True, help="Between checkpoints, each with a sheet of samples."
)
@click.option("--resume", is_flag=True, help="Go on from OUT.checkpoint.")
@click.option("--device", default="auto", show_default=True, help="Of torch; auto is a GPU if there is one.")
def command(data: Path, out: Path, **given: Any) -> None:
    """Train a generative kernel-predicting network on any set of small images of one size."""
    require_torch("training")
    import torch

    from pkn.checkpoints import checkpoint_path
    from pkn.image_sets import read_set
    from pkn.nets._kernel_predicting import SETTINGS, KernelPredictingNet
    from pkn.nets._restorers import described
    from pkn.noising import objective
    from pkn.restorer_training import RestorerPlan, RestorerTraining

    if out.suffix != ".safetensors":
        raise ValueError(f"--out is '{out}'; expected a name that ends in .safetensors")
    if given["config"] not in SETTINGS:
        raise ValueError(f"--config is {given['config']!r}; expected one of {', '.join(SETTINGS)}")
    device = _device(given["device"])
    perceptual = _perceptual(given["perceptual"], given["perceptual_weights"])
    images = read_set(data, channels=1 if given["grey"] else 3, size=given["resize"])
    if images.skipped:
        click.echo(f"{data}: {images.skipped} damaged files left out", err=True)
    size, channels = images.images.shape[2:]
    torch.set_num_threads(1)
    torch.manual_seed(given["seed"])
    net = KernelPredictingNet(SETTINGS[given["config"]].for_images(size, channels)).to(device)
    plan = RestorerPlan(
        network=described(net),
        objective={"error": "squared", "perceptual": Path(given["perceptual"]).name, "mirror": given["mirror"]},
        data=data.name,
        parts=given["threads"] if device == "cpu" else 1,
        **{name: given[name] for name in ("seed", "batch", "rate")},
    )
    loss = objective(None if perceptual is None else perceptual.to(device), given["mirror"])
    training = RestorerTraining(plan, net, images.training, loss, given["half"])
    if given["resume"]:
        training.resume(checkpoint_path(out))
    with _progress(given["minutes"], out) as tell:
        training.run(out, given["minutes"], given["steps"], given["check_minutes"], tell)
    click.echo(f"{out}: {training.step} steps, {training.minutes:.1f} minutes, loss {training.last_loss:.4f}")


def _device(name: str) -> str:
    import torch

    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def _perceptual(name: str, weights: Path | None) -> Any:
    """A module (image, truth) -> distances, or None."""
    if name == "none":
        return None
    if name == "lpips":
        if not find_spec("lpips"):
            raise ValueError(
                "--perceptual is lpips, which isn't installed; expected pip install lpips, "
                "an .npz of SqueezeNet 1.1's weights, or none"
            )
        import lpips  # type: ignore[import-not-found]

        return lpips.LPIPS(net="squeeze", verbose=False)
    from pkn.nets._squeezenet import PerceptualDistance, load_lpips_weights, load_squeezenet

    return PerceptualDistance(load_squeezenet(name), None if weights is None else load_lpips_weights(weights))


@contextmanager
def _progress(minutes: float, out: Path) -> Iterator[Callable[[Any, float | None], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from pkn.generation import sample
    from pkn.plots import curve_figure, save_figure
    from pkn.sheets import write_sheet

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("of {task.total:g} minutes"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("train", total=minutes)

        def tell(training: Any, loss: float | None) -> None:
            progress.update(task, completed=training.minutes, description=f"step {training.step}")
            if loss is None:
                progress.console.print(
                    f"step {training.step}, {training.minutes:.1f} minutes: loss {training.last_loss:.4f}"
                )
                images = sample(training.average.module, SHEET, steps=32, rng=0, device=training.device.type)
                write_sheet(out.with_name(out.stem + "-samples.png"), images)
                save_figure(curve_figure(training.curve), out.with_name(out.stem + "-curve.png"))

        yield tell
