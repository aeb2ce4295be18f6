"""``pkn train-wavelet``."""

from dataclasses import replace
from functools import partial
from typing import Any

import click

from pkn.cli._shared import FOLDER, require_torch
from pkn.cli._training import COUNT, POSITIVE, read_images, run_training, training_options

SHOWN = 6  # images in a sheet
CONFIGS = ("cnn", "kernels")


@click.command("train-wavelet")
@training_options(rate=1e-3, out=click.option("--out", type=FOLDER, required=True, help="Folder of weights to write."))
@click.option("--scales", type=COUNT, default=2, show_default=True, help="Times that images are halved.")
@click.option("--config", type=click.Choice(CONFIGS), default="cnn", show_default=True, help="Kind of networks.")
@click.option("--rf", default=13, show_default=True, help="Receptive field of a cnn's details: 5, 9, 13, 23 or 43 px.")
@click.option("--noise", type=POSITIVE, default=1.0, show_default=True, help="Largest level, of images in [0, 1].")
@click.option("--denoised", is_flag=True, help="Give details denoised low-passes: better denoisers, but no prior.")
def command(scales: int, config: str, rf: int, noise: float, denoised: bool, **given: Any) -> None:
    """Train a multi-scale model of grey images: a low-pass, and details given it, each by a network of its own.

    They share the minutes, and stand in OUT as low.safetensors, scale-1.safetensors, ...; with --resume, those that
    are there already stay.
    """
    require_torch("training")
    import torch

    from pkn.image_tensors import to_tensor
    from pkn.nets._restorers import load_restorer
    from pkn.wavelet_models import WaveletModel
    from pkn.wavelet_training import parts_of

    out, parts = given["out"], parts_of(scales, noise)
    images = read_images(given | {"grey": True})
    shown = to_tensor(images.held_out[:: -(-len(images.held_out) // SHOWN)])
    out.mkdir(parents=True, exist_ok=True)
    learnt: list[Any] = []
    for part in parts:
        if denoised and learnt:
            part = replace(part, coarser=WaveletModel(learnt[0], learnt[:0:-1]))
        file = out / f"{part.name}.safetensors"
        checkpoint = file.with_name(file.name + ".checkpoint")
        if not (given["resume"] and file.exists() and not checkpoint.exists()):
            torch.manual_seed(given["seed"])
            options = given | {"out": file, "minutes": given["minutes"] / len(parts)}
            options["resume"] = given["resume"] and checkpoint.exists()
            net = _network(config, rf, *part.inputs)
            described = {"scales": scales, "scale": part.scale, "noise": noise, "denoised": denoised}
            run_training(net, part.objective, described, images, options, partial(part.sheet, clean=shown))
        learnt.append(load_restorer(file))


def _network(config: str, rf: int, inputs: int, outputs: int) -> Any:
    from pkn.nets._band_kernels import BandKernels, BandKernelSettings
    from pkn.nets._bias_free import LOW_PASS_SETTINGS, BiasFreeCNN, conditional_settings

    if config == "kernels":
        return BandKernels(BandKernelSettings(inputs, outputs))
    return BiasFreeCNN(LOW_PASS_SETTINGS if inputs == 1 else conditional_settings(rf))
