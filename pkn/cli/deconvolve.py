"""``pkn deconvolve``."""

import time
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import FOLDER, IMAGE, OUTPUT, progress, read, report, save_maps


class _Blur(click.ParamType):  # type: ignore[type-arg]
    """A number, ``estimate``, or a covariance as three numbers."""

    name = "PX"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value == "estimate":
            return value
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) == 1:
            return numbers[0]
        if len(numbers) == 3:
            return [[numbers[0], numbers[1]], [numbers[1], numbers[2]]]
        self.fail(f"{value!r} is neither a number of pixels, nor 'estimate', nor ROWS,BOTH,COLUMNS in px^2", param, ctx)


@click.command("deconvolve")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@click.option(
    "--blur",
    type=_Blur(),
    help="Known Gaussian blur, no network: sigma in px, or covariance ROWS,BOTH,COLUMNS in px^2; or 'estimate'.",
)
@click.option("--net", default="reblur", show_default=True, help="Without --blur: bundled name or .safetensors file.")
@click.option("--strength", default=1.0, show_default=True, help="0 is the identity, 1 all of it.")
@click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")
@click.option("--maps", "maps_folder", type=FOLDER, help="Write the parameter maps there: pictures and .npz.")
@click.option("--report", "page_path", type=OUTPUT, help="Write a self-contained HTML page: before, after and maps.")
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def command(source: Path, target: Path, blur: Any, max_pixels: int | None, **given: Any) -> None:
    """Sharpen the mildly blurred image file IN and write it to OUT (PNG, JPEG or TIFF).

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them.
    """
    from pkn.io.images import write_image

    image = read(source, max_pixels)
    maps_folder, page_path = given.pop("maps_folder"), given.pop("page_path")
    begin = time.perf_counter()
    results = []
    for page, alpha in progress(list(zip(image.pages, image.alpha, strict=True)), "pages"):
        results.append(_deconvolve_page(page, alpha, image.channel_axis, blur, **given))
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages([result for _, result in results]))
    if maps_folder:
        for number, (maps, _) in enumerate(results):
            save_maps(maps, maps_folder / (f"page{number}" if len(results) > 1 else ""))
    if page_path:
        maps, result = results[0]
        report(page_path, source, image.pages[0], result, maps, seconds)
    about = results[0][0].provenance
    megapixels = sum(page.shape[0] * page.shape[1] for page in image.pages) / 1e6
    click.echo(f"{target}: {megapixels:.2f} MP in {seconds:.2f} s, noise level {about['sigma'] * 255:.1f}/255")


def _deconvolve_page(page: Any, alpha: Any, axis: int | None, blur: Any, net: str, **settings: Any) -> Any:
    """Maps and result; pixels that are wholly transparent carry no weight, and stay as they are."""
    from pkn.restoration.deconvolution import reblur_maps
    from pkn.restoration.denoising import predict_maps

    mask = None if alpha is None or not alpha.any() else alpha > 0
    settings |= {"channel_axis": axis, "mask": mask}
    maps = predict_maps(page, net, **settings) if blur is None else reblur_maps(page, blur, **settings)
    result = maps.apply(page, mask=mask, dtype="same")
    if mask is not None:
        result[~mask] = page[~mask]
    return maps, result
