"""``pkn wavelet-denoise``."""

import time
from pathlib import Path

import click

from pkn.cli._shared import FOLDER, IMAGE, OUTPUT, read, require_torch


@click.command("wavelet-denoise")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@click.option("--weights", type=click.Path(path_type=Path), required=True, help="Folder of a multi-scale model.")
@click.option("--maps", "maps_folder", type=FOLDER, help="Write each band's maps there, of a grey image's first page.")
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def command(source: Path, target: Path, weights: Path, maps_folder: Path | None, max_pixels: int | None) -> None:
    """Denoise the image file IN, coarse to fine, and write it to OUT (PNG, JPEG or TIFF).

    The model is one of pkn train-wavelet, or the published one. Bit depth, alpha, colour profile and pages are kept
    where OUT's format can hold them; what is wholly transparent stays, but isn't hidden from its neighbours.
    """
    require_torch("multi-scale models")
    from pkn.io.images import write_image
    from pkn.wavelets.bands import predict_bands, write_bands
    from pkn.wavelets.denoising import wavelet_denoise
    from pkn.wavelets.models import find_wavelet_model

    model, image = find_wavelet_model(weights), read(source, max_pixels)
    if maps_folder and image.channel_axis is not None:
        raise ValueError(f"'{source}' has colours; expected a grey image for --maps")
    begin = time.perf_counter()
    results = []
    for page, alpha in zip(image.pages, image.alpha, strict=True):
        result = wavelet_denoise(page, model, channel_axis=image.channel_axis, dtype="same")
        if alpha is not None:
            result[alpha == 0] = page[alpha == 0]
        results.append(result)
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages(results))
    if maps_folder:
        write_bands(predict_bands(image.pages[0], model), maps_folder)
    megapixels = sum(page.shape[0] * page.shape[1] for page in image.pages) / 1e6
    click.echo(f"{target}: {megapixels:.2f} MP in {seconds:.2f} s")
