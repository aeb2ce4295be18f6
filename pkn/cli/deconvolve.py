"""``pkn deconvolve``."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from pkn.cli._image_files import Report, read, restore_file
from pkn.cli._many_files import image_files, say
from pkn.cli._shared import DENOISER, MAPS, MAX_PIXELS, REPORT, level_in_words


class _Blur(click.ParamType):  # type: ignore[type-arg]
    """A number, ``estimate``, a covariance as three numbers, or a file with a kernel."""

    name = "PX"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if value == "estimate":
            return value
        if Path(str(value)).is_file():
            return _kernel_in(Path(value))
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) == 1:
            return numbers[0]
        if len(numbers) == 3:
            return [[numbers[0], numbers[1]], [numbers[1], numbers[2]]]
        expected = "a number of pixels, nor 'estimate', nor ROWS,BOTH,COLUMNS in px^2, nor a file"
        self.fail(f"{value!r} is neither {expected}", param, ctx)


def _kernel_in(path: Path) -> Any:
    """The kernel in a grey picture, or in an array file of NumPy's."""
    import numpy as np

    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    kernel = read(path, None).pages[0]
    if kernel.ndim != 2:
        raise ValueError(f"'{path}' is a picture in colour; expected a grey one as a kernel")
    return kernel.astype(np.float64)


@click.command("deconvolve")
@image_files()
@click.option(
    "--blur",
    type=_Blur(),
    help="Known Gaussian blur, no network: sigma in px, or covariance ROWS,BOTH,COLUMNS in px^2; or 'estimate'; or a "
    "picture (or .npy) of the kernel.",
)
@click.option(
    "--method", type=click.Choice(["reblur", "wiener"]), help="reblur has maps; wiener undoes more of a --blur."
)
@click.option("--net", default="reblur", show_default=True, help="Without --blur: bundled name or .safetensors file.")
@click.option("--strength", default=1.0, show_default=True, help="0 is the identity, 1 all of it.")
@DENOISER
@click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")
@MAPS
@REPORT
@MAX_PIXELS
def command(
    source: Path,
    target: Path,
    max_pixels: int | None,
    maps_folder: Path | None,
    page: Path | None,
    **settings: Any,
) -> None:
    """Sharpen mildly blurred image files, or all in a folder, into OUT.

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them.
    """
    from pkn.restoration.blur_arguments import check_kernel

    image = read(source, max_pixels)
    if settings["method"] == "wiener" or check_kernel(settings["blur"]) is not None:
        if maps_folder or page:
            raise ValueError("--maps or --report was given; expected neither where a kernel or --method wiener is")
        done = restore_file(image, source, target, partial(_without_maps, **settings))
        say(target, f"{done.megapixels:.2f} MP in {done.seconds:.2f} s")
        return
    report = Report(page, {"profiled": False}) if page else None
    done = restore_file(image, source, target, partial(_deconvolve_page, **settings), maps_folder, report)
    level = level_in_words(done.maps[0].provenance["sigma"], image.pages[0].dtype)
    say(target, f"{done.megapixels:.2f} MP in {done.seconds:.2f} s, noise level {level} after denoising")


def _without_maps(pixels: Any, **settings: Any) -> tuple[None, Any]:
    """The result of Wiener's estimate, which no maps explain."""
    from pkn.restoration.deconvolution import deconvolve

    return None, deconvolve(pixels, **settings, dtype=pixels.dtype)


def _deconvolve_page(
    pixels: Any, blur: Any, net: str, denoiser: str | None, method: str | None, **settings: Any
) -> tuple[Any, Any]:
    """Maps and result."""
    from pkn.restoration.deconvolution import prepared, reblur_maps
    from pkn.restoration.denoising import predict_maps

    given, settings["sigma"] = prepared(pixels, blur, denoiser, **settings)
    maps = predict_maps(given, net, **settings) if blur is None else reblur_maps(given, blur, **settings)
    return maps, maps.apply(given, mask=settings["mask"], dtype=pixels.dtype)
