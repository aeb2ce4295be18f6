"""``pkn train``."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from pkn.cli._model_card import leave_card
from pkn.cli._progress import progress_bar
from pkn.cli._shared import DATA, OUTPUT, require_torch

SHOWN = 8  # folders, by name


@click.command("train")
@click.option("--filter", "filter_name", default="bilateral", show_default=True, help="Filter whose maps to learn.")
@click.option("--task", default="denoise", show_default=True, help="denoise, any-noise, deblur or upsample.")
@click.option("--data", type=DATA, required=True, help="Folder of images.")
@click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
@click.option("--minutes", default=10.0, show_default=True, help="Length of the run on two cores; sets --steps.")
@click.option("--steps", type=int, help="Length of the run in steps.")
@click.option("--seed", default=0, show_default=True)
@click.option("--rgb", is_flag=True, help="Learn for RGB images (by default grey).")
@click.option("--radius", type=int, help="Radius of the filter's window.")
@click.option("--patch-radius", type=int, help="Radius of the patches that non-local means compares.")
@click.option("--size", default=128, show_default=True, help="Side of the crops in pixels.")
@click.option("--noise", default=55 / 255, show_default="55/255", help="Largest noise level.")
@click.option("--start", default="", help="Start from a network of the same filter: bundled name or file.")
@click.option("--rate", default=3e-3, show_default=True, help="Largest learning rate.")
@click.option("--denoiser", default="", help="Network that takes noise before, for deblur and upsample.")
@click.option("--passes", default=1, show_default=True, help="2 filters again with a guide made of the first result.")
@click.option("--white-share", default=0.7, show_default=True, help="Share of white noise, for any-noise.")
@click.option("--resume", is_flag=True, help="Go on from OUT.checkpoint.")
@click.option("--device", default="cpu", show_default=True)
def command(filter_name: str, data: Path, out: Path, minutes: float, steps: int | None, **settings: Any) -> None:
    """Train a network on any folder of images. The same seed, length and threads give the same network."""
    require_torch("training")
    from pkn.filters import FILTERS
    from pkn.io.folders import folder_names, read_folder
    from pkn.training.checkpoints import checkpoint_path
    from pkn.training.map_net import Training, TrainingPlan, seconds_per_step

    if out.suffix != ".safetensors":
        raise ValueError(f"--out is '{out}'; expected a name that ends in .safetensors")
    channels = 3 if settings["rgb"] else 1
    options = {name: settings[name] for name in ("radius", "patch_radius") if settings[name] is not None}
    kind = {kind.__name__: kind for kind in FILTERS}[_filter_named(filter_name)]
    if unknown := options.keys() - {field.name for field in fields(kind)}:
        raise ValueError(f"--{unknown.pop().replace('_', '-')} was given; {kind.__name__} has none")
    flt = kind(**options)
    plan = TrainingPlan(
        filter=type(flt).__name__,
        options=options,
        channels=channels,
        steps=steps or max(1, round(minutes * 60 / seconds_per_step(flt, channels))),
        seed=settings["seed"],
        data=folder_names(data),
        noise=settings["noise"],
        task=settings["task"],
        size=settings["size"],
        start=settings["start"],
        rate=settings["rate"],
        passes=settings["passes"],
        denoiser=settings["denoiser"],
        white_share=settings["white_share"],
    )
    images = read_folder(data, channels)
    click.echo(_found(data), err=True)
    training = Training(plan, images, settings["device"])
    if settings["resume"]:
        training.resume(checkpoint_path(out))
    with progress_bar("steps", note) as callback:
        training.run(out, callback)
    psnr = ", ".join(f"{value:.2f} dB at {name}" for name, value in training.history[-1]["psnr"].items())
    click.echo(f"{out}: {psnr} on {len(training.held_back)} images held back")
    leave_card([out])


def _found(data: Path) -> str:
    """Where there are images: of many folders the first."""
    from pkn.io.folders import image_folders

    folders = image_folders(data)
    names = [f"{os.path.relpath(folder, data.resolve())} ({number})" for folder, number in folders.items()]
    more = f" and {len(names) - SHOWN} more folders" if len(names) > SHOWN else ""
    return f"{data}: {sum(folders.values())} image files, in {', '.join(names[:SHOWN])}{more}"


def _filter_named(name: str) -> str:
    from pkn.filters import FILTERS

    names = {kind.__name__.lower(): kind.__name__ for kind in FILTERS}
    key = name.replace("-", "").replace("_", "").lower()
    if key not in names:
        raise ValueError(f"--filter is {name!r}; expected one of {', '.join(names)}")
    return names[key]


def note(info: Mapping[str, Any]) -> str | None:
    """A line for each validation."""
    if "psnr" not in info:
        return None
    return f"step {info['step']}: " + ", ".join(f"{value:.2f} dB at {name}" for name, value in info["psnr"].items())
