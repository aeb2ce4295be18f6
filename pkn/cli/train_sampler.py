"""``pkn train-sampler``."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import require_torch
from pkn.cli._training import IMAGES, check_weights_name, chosen_device, read_images, run_training, training_options

SHEET = 36  # samples


@click.command("train-sampler")
@training_options(rate=3e-4)
@click.option("--config", default="small", show_default=True, help="tiny, small or published.")
@click.option(
    "--perceptual",
    default="lpips",
    show_default=True,
    help="Perceptual part of the loss: lpips (the package), an .npz of SqueezeNet 1.1's weights, or none.",
)
@click.option("--perceptual-weights", type=IMAGES, help="LPIPS's .pth for SqueezeNet.")
def command(config: str, perceptual: str, perceptual_weights: Path | None, **given: Any) -> None:
    """Train a generative kernel-predicting network on any set of small images of one size."""
    require_torch("training")
    import torch

    from pkn.generation import sample
    from pkn.nets._kernel_predicting import SETTINGS, KernelPredictingNet
    from pkn.noising import objective

    check_weights_name(given["out"])
    if config not in SETTINGS:
        raise ValueError(f"--config is {config!r}; expected one of {', '.join(SETTINGS)}")
    device = chosen_device(given["device"])
    distance = _perceptual(perceptual, perceptual_weights)
    images = read_images(given)
    size, channels = images.images.shape[2:]
    torch.manual_seed(given["seed"])
    net = KernelPredictingNet(SETTINGS[config].for_images(size, channels))
    loss = objective(None if distance is None else distance.to(device))
    minimised = {"error": "squared", "perceptual": Path(perceptual).name}

    def sheet(net: Any) -> tuple[Any]:
        return (sample(net, SHEET, steps=32, rng=0, device=device),)

    run_training(net, loss, minimised, images, given, sheet)


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
