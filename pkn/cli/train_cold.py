"""``pkn train-cold``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import require_torch
from pkn.cli._training import IMAGES, check_weights_name, read_images, run_training, training_options

SHOWN = 6  # images in a grid, each in a row: as it was, degraded, restored directly and by Algorithm 2
LONGEST = 50  # steps of the sampler for a grid


@click.command("train-cold")
@training_options(rate=1e-3)
@click.option(
    "--degradation",
    required=True,
    help="blur, inpainting, super-resolution, snow, desaturation, noise, animorphosis or camera.",
)
@click.option("--schedule", help="mnist, cifar10, celeba, generation, ...; by default what begins DATA's name.")
@click.option(
    "--set", "numbers", multiple=True, metavar="NAME=VALUE", help="Another number in the schedule, as in steps=20."
)
@click.option("--others", type=IMAGES, help="Images of another set, for animorphosis.")
@click.option(
    "--floor", type=float, help="For blur: show the network what linear algebra undoes, down to gains like this."
)
@click.option(
    "--error",
    type=click.Choice(["absolute", "squared"]),
    default="absolute",
    show_default=True,
    help="What is minimised: squared predicts means.",
)
@click.option("--config", default="small", show_default=True, help="small or published U-Net, or kernels.")
def command(
    degradation: str,
    schedule: str | None,
    numbers: tuple[str, ...],
    others: Path | None,
    floor: float | None,
    error: str,
    config: str,
    **given: Any,
) -> None:
    """Train a restorer of degraded images: the network of Cold Diffusion, for any degradation."""
    require_torch("training")
    import torch

    from pkn.degradations.presets import build_degradation, find_preset, to_config, with_settings
    from pkn.io.tensors import to_tensor
    from pkn.sampling.cold_model import ColdModel, read_others
    from pkn.sampling.terminal_distribution import fit_terminal_distribution
    from pkn.training.objectives import cold_objective

    check_weights_name(given["out"])
    preset = find_preset(degradation, schedule or _schedule_of(degradation, given["data"].stem))
    numbers_given = to_config(with_settings(preset, dict(map(_number, numbers))))
    images = read_images(given)
    size, channels = images.images.shape[2:]
    chosen = build_degradation(numbers_given, None if others is None else read_others(others, size, channels))
    ends = fit_terminal_distribution(chosen, images.training)
    torch.manual_seed(given["seed"])
    net = _network(config, size, channels)
    model = ColdModel(net, chosen, floor, ends)
    minimised = {"error": error, "others": None if others is None else others.name, **model.to_config()}
    shown = to_tensor(images.held_out[:: -(-len(images.held_out) // SHOWN)])
    run_training(
        net, cold_objective(model, error), minimised, images, given, lambda net: _grid(replace(model, net=net), shown)
    )


def _schedule_of(degradation: str, data: str) -> str:
    """The data set's own, if there is one: "cifar10" for "cifar10_20k"."""
    from pkn.degradations.presets import PRESETS

    own = [name for kind, name in PRESETS if kind == degradation and data.startswith(name)]
    if not own:
        names = [name for kind, name in PRESETS if kind == degradation] or sorted({kind for kind, _ in PRESETS})
        wanted = "--schedule" if any(kind == degradation for kind, _ in PRESETS) else "--degradation"
        raise ValueError(
            f"{wanted} is missing or unknown for {degradation!r} on {data!r}; expected one of {', '.join(names)}"
        )
    return own[0]


def _number(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        raise ValueError(f"--set is {text!r}; expected NAME=VALUE with a number, list or true or false") from None


def _network(config: str, size: int, channels: int) -> Any:
    from pkn.nets.models.kernel_predicting import SETTINGS, KernelPredictingNet
    from pkn.nets.models.unet import UNET_SETTINGS, UNet

    if config == "kernels":
        return KernelPredictingNet(SETTINGS["tiny"].for_images(size, channels))
    if config not in UNET_SETTINGS:
        raise ValueError(f"--config is {config!r}; expected one of {', '.join(UNET_SETTINGS)}, kernels")
    return UNet(UNET_SETTINGS[config].for_images(size, channels))


def _grid(model: Any, clean: Any) -> Any:
    """Rows of a clean image, what is left of it, and what is made of that directly and by Algorithm 2; their length."""
    import numpy as np
    import torch

    from pkn.io.tensors import to_pictures
    from pkn.sampling.cold_diffusion import restorations

    steps = min(LONGEST, model.degradation.steps)
    clean = clean.to(next(model.net.parameters()).device)
    columns = [clean, *restorations(model, clean, [("algorithm_1", 1), ("algorithm_2", steps)])]
    rows = torch.stack(columns, 1).flatten(0, 1)
    return np.clip(to_pictures(rows), 0, 1), len(columns)
