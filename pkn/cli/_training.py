"""What commands share that train restorers on sets of small images."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._model_card import leave_card
from pkn.cli._progress import progress_bar
from pkn.cli._shared import OUTPUT

IMAGES = click.Path(exists=True, path_type=Path)
POSITIVE, COUNT = click.FloatRange(min=0, min_open=True), click.IntRange(min=1)
OUT = click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
OPTIONS = (
    click.option("--data", type=IMAGES, required=True, help="Folder, zip or npz of images."),
    click.option(
        "--minutes",
        type=POSITIVE,
        default=60.0,
        show_default=True,
        help="Length of the run; resumed, of all its parts.",
    ),
    click.option("--steps", type=COUNT, help="Or its length in steps, if that comes first."),
    click.option("--batch", type=COUNT, default=32, show_default=True, help="Images in a step."),
    click.option("--threads", type=COUNT, default=2, show_default=True, help="That share a batch among them."),
    click.option(
        "--cooling",
        type=click.FloatRange(0, 1),
        default=0.25,
        show_default=True,
        help="Share of the run at whose end the rate falls to 0.",
    ),
    click.option("--seed", default=0, show_default=True),
    click.option("--grey", is_flag=True, help="Learn grey images (by default RGB)."),
    click.option("--resize", type=int, metavar="PX", help="Crop to squares and resize them to this side."),
    click.option(
        "--mirror/--no-mirror", default=True, show_default=True, help="Mirror half of the images: not letters."
    ),
    click.option("--half", is_flag=True, help="Compute in bfloat16 where that is safe."),
    click.option(
        "--check-minutes", default=10.0, show_default=True, help="Between checkpoints, each with a grid of samples."
    ),
    click.option("--start", type=IMAGES, help="Begin with the weights of this file, as far as they fit."),
    click.option("--resume", is_flag=True, help="Go on from OUT.checkpoint."),
    click.option("--device", default="auto", show_default=True, help="Of torch; auto is a GPU if there is one."),
)


def training_options(rate: float, out: Callable[[Any], Any] = OUT) -> Callable[[Any], Any]:
    """``OPTIONS``, what is written, and a learning rate that is this by default."""

    def add(function: Any) -> Any:
        function = click.option("--rate", default=rate, show_default=True, help="Learning rate.")(function)
        for option in reversed((OPTIONS[0], out, *OPTIONS[1:])):
            function = option(function)
        return function

    return add


def check_weights_name(out: Path) -> None:
    """Early, before the work."""
    if out.suffix != ".safetensors":
        raise ValueError(f"--out is '{out}'; expected a name that ends in .safetensors")


def read_images(given: dict[str, Any]) -> Any:
    """The set of ``--data``."""
    from pkn.io.datasets import read_set

    images = read_set(given["data"], channels=1 if given["grey"] else 3, size=given["resize"])
    if images.skipped:
        click.echo(f"{given['data']}: {images.skipped} damaged files left out", err=True)
    return images


def chosen_device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device is {name!r}, which can't be used: {str(error).splitlines()[0]}") from None
    return name


def _begin_with(net: Any, started: Any, path: Path) -> None:
    """Take the weights of another network of the kind that have a name and a shape in common."""
    own = net.state_dict()
    fitting = {n: values for n, values in started.state_dict().items() if n in own and own[n].shape == values.shape}
    if type(started) is not type(net) or not fitting:
        raise ValueError(f"--start '{path}' has no weights that fit; expected a {type(net).__name__} of these sizes")
    net.load_state_dict(fitting, strict=False)
    if len(fitting) < len(own):
        click.echo(f"{path}: {len(fitting)} of {len(own)} tensors fit, the others begin anew")


def run_training(
    net: Any, objective: Any, minimised: dict[str, Any], images: Any, given: dict[str, Any], grid: Callable[[Any], Any]
) -> None:
    """Train ``net`` on ``images`` as the options say; ``grid(net)`` are images (N, H, W, C) to see, and columns."""
    import torch

    from pkn.nets.registry import load_restorer, to_config
    from pkn.training.checkpoints import checkpoint_path
    from pkn.training.restorer import RestorerPlan, RestorerTraining

    start = given["start"]
    if start is not None:
        _begin_with(net, load_restorer(start), start)
    out, device = given["out"], chosen_device(given["device"])
    torch.set_num_threads(1)
    plan = RestorerPlan(
        network=to_config(net),
        objective=minimised,
        data=given["data"].name,
        start=None if start is None else start.name,
        parts=given["threads"] if device == "cpu" else 1,
        **{name: given[name] for name in ("seed", "batch", "rate", "mirror", "profile") if name in given},
    )
    training = RestorerTraining(plan, net.to(device), images.training, objective, given["half"])
    if given["resume"]:
        training.resume(checkpoint_path(out))
    with progress_bar("steps", partial(_note, training, out, grid)) as callback:
        training.run(out, given["minutes"], given["steps"], given["check_minutes"], callback, given["cooling"])
    click.echo(f"{out}: {training.step} steps, {training.minutes:.1f} minutes, loss {training.last_loss:.4f}")
    if given.get("card", True):
        leave_card([out])


def _note(training: Any, out: Path, grid: Callable[[Any], Any], info: Mapping[str, Any]) -> str | None:
    """A line for each checkpoint; beside it, the loss's curve and what the network makes by now, as pictures."""
    from pkn.plotting.image_grid import write_grid
    from pkn.plotting.maps import curve_figure, save_figure

    if "curve" not in info:
        return None
    write_grid(out.with_name(out.stem + "-samples.png"), *grid(training.average.module))
    save_figure(curve_figure(info["curve"]), out.with_name(out.stem + "-curve.png"))
    return f"step {info['step']}, {training.minutes:.1f} minutes: loss {info['mean loss']:.4f}"
