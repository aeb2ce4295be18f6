"""``pkn denoise``."""

import time
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import FOLDER, IMAGE, OUTPUT, net_options, progress, read, report, save_maps


@click.command("denoise")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@net_options
@click.option("--maps", "maps_folder", type=FOLDER, help="Write the parameter maps there: pictures and .npz.")
@click.option("--report", type=OUTPUT, help="Write a self-contained HTML page with before, after and maps.")
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def command(source: Path, target: Path, net: str, strength: float, sigma: float | None, **extras: Any) -> None:
    """Denoise the image file IN and write it to OUT (PNG, JPEG or TIFF).

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them.
    """
    from pkn.images import write_image

    image = read(source, extras["max_pixels"])
    begin = time.perf_counter()
    results = []
    for page, alpha in progress(list(zip(image.pages, image.alpha, strict=True)), "pages"):
        results.append(_denoise_page(page, alpha, image.channel_axis, net, strength, sigma))
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages([result for _, result in results]))
    maps = results[0][0]
    if extras["maps_folder"]:
        for number, (page_maps, _) in enumerate(results):
            save_maps(page_maps, extras["maps_folder"] / (f"page{number}" if len(results) > 1 else ""))
    if extras["report"]:
        page = image.pages[0], results[0][1]
        report(extras["report"], source, *page, maps, seconds)
    megapixels = sum(page.shape[0] * page.shape[1] for page in image.pages) / 1e6
    level = maps.provenance["sigma"] * 255
    click.echo(f"{target}: {megapixels:.2f} MP in {seconds:.2f} s, noise level {level:.1f}/255, network {net}")


def _denoise_page(page: Any, alpha: Any, axis: int | None, net: str, strength: float, sigma: float | None) -> Any:
    """Maps and result; pixels that are wholly transparent carry no weight, and stay as they are."""
    from pkn.verbs import predict_maps

    mask = None if alpha is None or not alpha.any() else alpha > 0
    predicted = predict_maps(page, net, strength=strength, sigma=sigma, channel_axis=axis, mask=mask)
    result = predicted.apply(page, mask=mask, dtype="same")
    if mask is not None:
        result[~mask] = page[~mask]
    return predicted, result
