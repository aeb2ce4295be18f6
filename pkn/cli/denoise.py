"""``pkn denoise``."""

import time
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import FOLDER, OUTPUT, net_options, parts_progress, progress, read, report, save_maps

SOURCE = click.Path(exists=True, path_type=Path)


@click.command("denoise")
@click.argument("source", type=SOURCE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@net_options
@click.option("--maps", "maps_folder", type=FOLDER, help="Write the parameter maps there: pictures and .npz.")
@click.option("--report", "page", type=OUTPUT, help="Write a self-contained HTML page with before, after and maps.")
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run on a large TIFF.")
@click.option("--scheduler", help="Zarr: address of a Dask scheduler, such as tcp://host:8786.")
@click.option("--white", type=float, help="Zarr: the value that stands for 1; by default the largest.")
def command(source: Path, target: Path, net: str, strength: float, sigma: float | None, **extras: Any) -> None:
    """Denoise the image file IN and write it to OUT (PNG, JPEG, TIFF or OME-Zarr).

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them. A TIFF too large for memory
    goes from file to file, in parts. Of a Zarr image each plane is denoised by itself.
    """
    begin = time.perf_counter()
    maps_wanted = extras["maps_folder"] or extras["page"]
    if source.suffix == ".zarr" or target.suffix == ".zarr":
        _denoise_zarr(source, target, net, strength, sigma, **extras)
        pixels, level = None, None
    elif not maps_wanted and (large := _large(source, target, extras["resume"])):
        from pkn.restoration.large_tiff import denoise_large

        with parts_progress() as tell:
            level = denoise_large(
                large, target, net, strength=strength, sigma=sigma, resume=extras["resume"], tell=tell
            )
        pixels = large.shape[0] * large.shape[1]
    else:
        pixels, level = _denoise_file(source, target, net, strength, sigma, extras)
    seconds = time.perf_counter() - begin
    what = "" if pixels is None else f"{pixels / 1e6:.2f} MP in "
    noise = "" if level is None else f", noise level {level * 255:.1f}/255"
    click.echo(f"{target}: {what}{seconds:.2f} s{noise}, network {net}")


def _large(source: Path, target: Path, resume: bool) -> Any:
    """The source, if it is to be denoised from file to file."""
    if target.suffix.lower() not in (".tif", ".tiff"):
        large = None
    else:
        from pkn.restoration.large_tiff import open_large

        large = open_large(source) if source.is_file() else None
    if resume and large is None:
        raise ValueError("--resume was given; expected a TIFF of more than 33 megapixels, of one page without alpha")
    return large


def _denoise_zarr(source: Path, target: Path, net: str, strength: float, sigma: float | None, **extras: Any) -> None:
    from importlib.util import find_spec

    if not (find_spec("zarr") and find_spec("dask")):
        raise ValueError("Zarr and Dask aren't installed; expected them for Zarr images: pip install 'pkn[zarr]'")
    if source.suffix != target.suffix:
        raise ValueError(f"IN is '{source}' and OUT '{target}'; expected both to end in .zarr, or none")
    from dask.diagnostics import ProgressBar

    from pkn.restoration.ome_zarr import denoise_zarr

    denoise_zarr(
        source,
        target,
        net,
        strength=strength,
        sigma=sigma,
        white=extras["white"],
        scheduler=extras["scheduler"],
        progress=ProgressBar,
    )


def _denoise_file(
    source: Path, target: Path, net: str, strength: float, sigma: float | None, extras: dict[str, Any]
) -> tuple[int, float | None]:
    """Number of pixels, and the noise level where maps were asked for."""
    from pkn.io.images import write_image

    image = read(source, extras["max_pixels"])
    begin = time.perf_counter()
    wanted = bool(extras["maps_folder"] or extras["page"])
    results = []
    for page, alpha in progress(list(zip(image.pages, image.alpha, strict=True)), "pages"):
        results.append(_denoise_page(page, alpha, image.channel_axis, net, strength, sigma, wanted))
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages([result for _, result in results]))
    maps = results[0][0]
    if extras["maps_folder"]:
        for number, (page_maps, _) in enumerate(results):
            save_maps(page_maps, extras["maps_folder"] / (f"page{number}" if len(results) > 1 else ""))
    if extras["page"]:
        report(extras["page"], source, image.pages[0], results[0][1], maps, seconds)
    return sum(page.shape[0] * page.shape[1] for page in image.pages), maps and maps.provenance["sigma"]


def _denoise_page(
    page: Any, alpha: Any, axis: int | None, net: str, strength: float, sigma: float | None, maps_too: bool
) -> Any:
    """Maps (or None) and result; pixels that are wholly transparent carry no weight, and stay as they are."""
    from pkn.restoration.denoising import denoise, predict_maps

    mask = None if alpha is None or not alpha.any() else alpha > 0
    options: dict[str, Any] = {"strength": strength, "sigma": sigma, "channel_axis": axis, "mask": mask}
    predicted = predict_maps(page, net, **options) if maps_too else None
    if predicted is not None:
        result = predicted.apply(page, mask=mask, dtype="same")
    else:
        result = denoise(page, net, dtype="same", **options)
    if mask is not None:
        result[~mask] = page[~mask]
    return predicted, result
