"""``pkn denoise``."""

import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._first_use import compile_beside
from pkn.cli._image_files import Report, open_if_large, read, restore_file
from pkn.cli._many_files import image_files, say
from pkn.cli._progress import chunk_bar, progress_bar
from pkn.cli._series import denoise_series_file, series_of_options, series_options
from pkn.cli._shared import (
    IMAGE,
    MAPS,
    MAX_PIXELS,
    OUTPUT,
    REPORT,
    level_in_words,
    net_options,
    require_rawpy,
    require_zarr,
)
from pkn.cli._videos import denoise_video_file, is_video, video_options


@click.command("denoise")
@image_files(every_kind=True)
@net_options
@MAPS
@REPORT
@click.option("--uncertainty", is_flag=True, help="In the report: how sure each pixel is; takes 33 times as long.")
@click.option("--receipt", type=OUTPUT, help="Write what pkn verify needs to replay it: .json, and the maps beside it.")
@click.option("--key", type=IMAGE, help="Private Ed25519 key, PEM, to sign the receipt with.")
@MAX_PIXELS
@click.option("--resume", is_flag=True, help="Go on with an interrupted run on a large TIFF.")
@click.option("--scheduler", help="Zarr: address of a Dask scheduler, such as tcp://host:8786.")
@series_options
@video_options
@click.option("--levels", type=int, help="Zarr: resolution levels of the result; as many as IN has by default.")
@click.option("--black", default=0.0, help="The value that counts as black, of floats and counts, for the report.")
@click.option("--white", type=float, help="The value that counts as white, likewise.")
def command(
    source: Path, target: Path, net: str, strength: Any, sigma: float | None, noise: Any, **extras: Any
) -> None:
    """Denoise image files, or all in a folder, into OUT: a file, or a folder for several.

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them. A TIFF too large for memory
    goes from file to file, in parts. Of stacks and Zarr images each plane is denoised by itself, or all together along
    --depth or --time. Of a camera's raw file the mosaic is denoised, then demosaicked: into a TIFF of 16 bits, or a
    linear DNG. Of a video the pictures are denoised, and all else is copied.
    """
    from pkn.io.raw_files import SUFFIXES

    settings: dict[str, Any] = {"strength": strength, "sigma": sigma, "noise": noise}
    _check_options(source, target, extras)
    series = series_of_options(source, extras)
    if is_video(source, extras):
        say(target, denoise_video_file(source, target, net, settings, extras))
        return
    if series is not None:
        say(target, denoise_series_file(source, target, net, series, settings, extras))
        return
    begin = time.perf_counter()
    receipt = extras["receipt"]
    shown = bool(extras["maps_folder"] or extras["page"])
    megapixels, level, dtype = None, None, None
    maps: Any = []
    kind, known = "image", noise
    if source.suffix.lower() in SUFFIXES:
        done = _denoise_raw(source, target, net, shown, keep_maps=bool(receipt), **settings)
        kind, megapixels, maps, known = "raw", done.shape[0] * done.shape[1] / 1e6, done.maps, done.noise
    elif source.suffix == ".zarr" or target.suffix == ".zarr":
        limits = {name: extras[name] for name in ("scheduler", "max_pixels", "levels")}
        kind, maps = "zarr", _denoise_zarr(source, target, net, shown, bool(receipt), settings, **limits)
    elif not (shown or receipt) and (large := open_if_large(source, target, extras["resume"], extras["max_pixels"])):
        from pkn.restoration.large_images import denoise_large

        with progress_bar("parts") as callback:
            level = denoise_large(large, target, net, **settings, resume=extras["resume"], callback=callback)
        megapixels, dtype = large.count * large.shape[0] * large.shape[1] / 1e6, large.dtype
    else:
        image = read(source, extras["max_pixels"])
        restore = partial(_denoise_page, net=net, maps_too=shown or bool(receipt), **settings)
        report = _report(extras["page"], extras["uncertainty"], net, settings) if extras["page"] else None
        restored = restore_file(image, source, target, restore, extras["maps_folder"], report)
        megapixels, maps = restored.megapixels, restored.maps
        level, dtype = maps[0] and maps[0].provenance["sigma"], image.pages[0].dtype
    if receipt:
        from pkn.evidence.receipts import write_receipt

        options = {name: settings[name] for name in ("strength", "sigma")}
        write_receipt(receipt, source, target, maps, kind=kind, options=options, profile=known, key=extras["key"])
    seconds = time.perf_counter() - begin
    what = "" if megapixels is None else f"{megapixels:.2f} MP in "
    found = "" if level is None else f", noise level {level_in_words(level, dtype, extras['black'], extras['white'])}"
    say(target, f"{what}{seconds:.2f} s{found}, network {net}")


def _check_options(source: Path, target: Path, extras: dict[str, Any]) -> None:
    """Before the work, that options have what they are for."""
    if extras["key"] and not extras["receipt"]:
        raise ValueError("--key was given without --receipt; expected a receipt to sign")
    if extras["key"]:
        from pkn.evidence.signatures import check_key

        check_key(extras["key"])
    if extras["uncertainty"] and not extras["page"]:
        raise ValueError("--uncertainty was given without --report; expected a report to put it in")
    if extras["levels"] is not None and ".zarr" not in (source.suffix, target.suffix):
        raise ValueError("--levels was given; expected it with an OME-Zarr image")


def _report(path: Path, with_uncertainty: bool, net: str, settings: dict[str, Any]) -> Report:
    """What the report says beyond the work itself."""
    sure = None
    if with_uncertainty:
        from pkn.evidence.deviations import uncertainty

        sure = partial(uncertainty, net=net, rng=0, **settings)
    return Report(path, {"profile": settings["noise"], "sure": sure})


def _denoise_zarr(
    source: Path, target: Path, net: str, shown: bool, replayable: bool, settings: dict[str, Any], **limits: Any
) -> Any:
    """The maps of each plane, which are predicted when they are asked for."""
    require_zarr(source, target)
    if shown:
        raise ValueError("--maps or --report was given with a Zarr image; expected them with images")
    from pkn.restoration.zarr_images import check_replayable, denoise_zarr, predict_zarr_maps

    if replayable:
        check_replayable(source)
    denoise_zarr(source, target, net, progress=chunk_bar, **settings, **limits)
    return predict_zarr_maps(source, net, **settings)


def _denoise_raw(source: Path, target: Path, net: str, shown: bool, **settings: Any) -> Any:
    from pkn.io.raw_files import check_developed
    from pkn.restoration.raw import denoise_raw_file

    require_rawpy()
    check_developed(target)
    if shown:
        raise ValueError("--maps or --report was given with a raw file; expected them with images")
    return denoise_raw_file(source, target, net, **settings)


def _denoise_page(
    pixels: Any, net: str, maps_too: bool, *, channel_axis: int | None, mask: Any, **settings: Any
) -> tuple[Any, Any]:
    """Maps, if they are wanted, and result."""
    compile_beside(net, 1 if channel_axis is None else 3)  # before imports, which take a third of a second
    from pkn.restoration.denoising import denoise, predict_maps

    settings |= {"channel_axis": channel_axis, "mask": mask}
    if not maps_too:
        return None, denoise(pixels, net, dtype="same", **settings)
    maps = predict_maps(pixels, net, **settings)
    return maps, maps.apply(pixels, mask=mask, dtype="same")
