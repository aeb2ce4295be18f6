"""``pkn train-wavelet``."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._model_card import leave_card
from pkn.cli._shared import FOLDER, require_torch
from pkn.cli._training import COUNT, POSITIVE, chosen_device, read_images, run_training, training_options

SHOWN = 6  # images in a grid
CONFIGS = ("cnn", "kernels")
FIELDS = ("5", "9", "13", "23", "43")


@click.command("train-wavelet")
@training_options(rate=1e-3, out=click.option("--out", type=FOLDER, required=True, help="Folder of weights to write."))
@click.option("--scales", type=COUNT, default=2, show_default=True, help="Times that images are halved.")
@click.option("--config", type=click.Choice(CONFIGS), default="cnn", show_default=True, help="Kind of networks.")
@click.option("--rf", type=click.Choice(FIELDS), default="13", show_default=True, help="Of a cnn's details, px.")
@click.option("--noise", type=POSITIVE, default=1.0, show_default=True, help="Largest level, of images in [0, 1].")
@click.option("--denoised", is_flag=True, help="Give details denoised low-passes: better denoisers, but no prior.")
def command(scales: int, config: str, rf: str, noise: float, denoised: bool, **given: Any) -> None:
    """Train a multi-scale model of grey images: a low-pass, and details given it, each by a network of its own.

    They share the minutes, and stand in OUT as low.safetensors, scale-1.safetensors, ...; with --resume, those that
    are there already stay. --start is a folder of such files. To draw images by it, train with --noise 2^scales.
    """
    require_torch("training")
    import torch

    from pkn.io.tensors import to_tensor
    from pkn.nets.registry import load_restorer
    from pkn.training.checkpoints import checkpoint_path
    from pkn.training.wavelet import band_tasks
    from pkn.wavelets.models import WaveletModel

    out, parts = given["out"], band_tasks(scales, noise)
    images = read_images(given | {"grey": True})
    _check_size(images, scales)
    shown = to_tensor(images.held_out[:: -(-len(images.held_out) // SHOWN)])
    out.mkdir(parents=True, exist_ok=True)
    if not given["resume"] and (there := [*out.glob("low.*"), *out.glob("scale-*")]):
        raise ValueError(f"--out '{out}' has {there[0].name} already; expected none there, or --resume")
    learnt: list[Any] = []
    for part in parts:
        if denoised and learnt:
            part = replace(part, coarser=WaveletModel(learnt[0], learnt[:0:-1]))
        torch.manual_seed(given["seed"])
        net = _network(config, int(rf), *part.inputs)
        minimised = {"scales": scales, "scale": part.scale, "noise": noise, "denoised": denoised}
        file = out / f"{part.name}.safetensors"
        begun = checkpoint_path(file).exists()
        if file.exists() and not begun:
            _check_same(file, net, minimised)
        else:
            options = given | {"out": file, "minutes": given["minutes"] / len(parts), "resume": begun, "card": False}
            options["start"] = given["start"] and given["start"] / file.name
            run_training(net, part.objective, minimised, images, options, partial(part.grid, clean=shown))
        learnt.append(load_restorer(file).to(chosen_device(given["device"])))
    leave_card([out / f"{part.name}.safetensors" for part in parts])


def _check_size(images: Any, scales: int) -> None:
    sides = images.images.shape[1:3]
    if min(sides) < 2**scales:
        raise ValueError(f"--scales is {scales}; expected at most {min(sides).bit_length() - 1} for {sides} px")


def _check_same(file: Path, net: Any, minimised: dict[str, Any]) -> None:
    """One error where a finished part is of another model than the one that is to be gone on with."""
    from pkn.nets.registry import to_config
    from pkn.nets.weights import read_header

    header = read_header(file)
    there = {"network": header["architecture"], "objective": header["about"].get("plan", {}).get("objective")}
    if there != (wanted := {"network": to_config(net), "objective": minimised}):
        raise ValueError(f"'{file}' is {there}; expected {wanted} to go on")


def _network(config: str, rf: int, inputs: int, outputs: int) -> Any:
    from pkn.nets.models.bias_free_cnn import LOW_PASS_SETTINGS, BiasFreeCNN, conditional_settings
    from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings

    if config == "kernels":
        return BandKernels(BandKernelSettings(inputs, outputs))
    return BiasFreeCNN(LOW_PASS_SETTINGS if inputs == 1 else conditional_settings(rf))
