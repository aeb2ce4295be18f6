"""``pkn wavelet-denoise``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import read, restore_file
from pkn.cli._many_files import image_files, say
from pkn.cli._shared import FOLDER, MAX_PIXELS, MODEL_FOLDER, require_torch


@click.command("wavelet-denoise")
@image_files()
@MODEL_FOLDER
@click.option("--maps", "maps_folder", type=FOLDER, help="Write each band's maps there, of a grey image's first page.")
@MAX_PIXELS
def command(source: Path, target: Path, weights: Path, maps_folder: Path | None, max_pixels: int | None) -> None:
    """Denoise image files into OUT, coarse to fine, by a multi-scale model.

    The model is one of pkn train-wavelet, or the published one. Bit depth, alpha, colour profile and pages are kept
    where OUT's format can hold them; what is wholly transparent stays, but isn't hidden from its neighbours.
    """
    require_torch("multi-scale models")
    from pkn.wavelets.bands import predict_bands, write_bands
    from pkn.wavelets.denoising import wavelet_denoise
    from pkn.wavelets.models import find_wavelet_model

    model, image = find_wavelet_model(weights), read(source, max_pixels)
    if maps_folder and image.channel_axis is not None:
        raise ValueError(f"'{source}' has colours; expected a grey image for --maps")

    def restore(pixels: Any, channel_axis: int | None, mask: Any) -> tuple[None, Any]:
        return None, wavelet_denoise(pixels, model, channel_axis=channel_axis, dtype="same")

    done = restore_file(image, source, target, restore)
    if maps_folder:
        write_bands(predict_bands(image.pages[0], model), maps_folder)
    say(target, f"{done.megapixels:.2f} MP in {done.seconds:.2f} s")
