"""``pkn train-sampler``."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import require_torch
from pkn.cli._training import IMAGES, check_weights_name, chosen_device, read_images, run_training, training_options

SAMPLES = 36  # samples


@click.command("train-sampler")
@training_options(rate=3e-4)
@click.option("--config", default="small", show_default=True, help="tiny, guiding, small, medium, published, or unet.")
@click.option("--times", default="logit-normal", show_default=True, help="How t is drawn: logit-normal or uniform.")
@click.option("--weighting", default="velocity", show_default=True, help="Of squared errors: velocity (1/t^2) or none.")
@click.option("--profile", default=0.1, show_default=True, help="Width of the average of weights, of the run's length.")
@click.option(
    "--perceptual",
    default="none",
    show_default=True,
    help="Perceptual part of the loss: none, lpips (the package), or an .npz of SqueezeNet 1.1's weights.",
)
@click.option("--perceptual-weight", default=1.0, show_default=True, help="Of that part, at t = 0.")
@click.option("--perceptual-weights", type=IMAGES, help="LPIPS's .pth for SqueezeNet.")
def command(
    config: str,
    times: str,
    weighting: str,
    perceptual: str,
    perceptual_weight: float,
    perceptual_weights: Path | None,
    **given: Any,
) -> None:
    """Train a generative kernel-predicting network on any set of small images of one size.

    With --config unet, the small U-Net of cold diffusion, to compare with: one that paints images instead of filtering.
    With --config guiding, a small network that "pkn export --guiding" puts beside a large one.
    """
    require_torch("training")
    import torch

    from pkn.sampling.kernel_predicting import sample
    from pkn.training.objectives import NoiseObjective

    check_weights_name(given["out"])
    device = chosen_device(given["device"])
    objective = NoiseObjective(times, weighting=weighting, perceptual=0 if perceptual == "none" else perceptual_weight)
    distance = _perceptual(perceptual, perceptual_weights)
    images = read_images(given)
    torch.manual_seed(given["seed"])
    net = _network(config, *images.images.shape[2:])
    loss = objective.loss(None if distance is None else distance.to(device))
    minimised = {**asdict(objective), "perceptual features": Path(perceptual).name}

    def grid(net: Any) -> tuple[Any]:
        return (sample(net, SAMPLES, steps=32, rng=0, device=device),)

    run_training(net, loss, minimised, images, given, grid)


def _network(config: str, size: int, channels: int) -> Any:
    from pkn.nets.models.kernel_predicting import SETTINGS, KernelPredictingNet
    from pkn.nets.models.unet import UNET_SETTINGS, UNet

    if config == "unet":
        return UNet(UNET_SETTINGS["small"].for_images(size, channels))
    if config not in SETTINGS:
        raise ValueError(f"--config is {config!r}; expected one of {', '.join(SETTINGS)}, unet")
    return KernelPredictingNet(SETTINGS[config].for_images(size, channels))


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
    from pkn.nets.models.squeezenet import PerceptualDistance, load_lpips_weights, load_squeezenet

    return PerceptualDistance(load_squeezenet(name), None if weights is None else load_lpips_weights(weights))
