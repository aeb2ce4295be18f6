"""The command line: the verbs, under the same names."""

import sys
import time
from pathlib import Path
from typing import Any

import click

IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class _Commands(click.Group):
    """Errors that a user can mend are one line and exit code 1; click's own usage errors are 2; the rest are bugs."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(str(error)) from error


def _net_option(function: Any) -> Any:
    function = click.option("--net", default="bilateral", show_default=True, help="Bundled name or .safetensors file.")(
        function
    )
    function = click.option("--strength", default=1.0, show_default=True, help="0 is the identity, more smooths more.")(
        function
    )
    return click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")(
        function
    )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pkn")
def main() -> None:
    """Classical image filters made smart: networks set their parameters pixel by pixel."""


@main.command()
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@_net_option
@click.option("--maps", "maps_folder", type=FOLDER, help="Write the parameter maps there: pictures and .npz.")
@click.option("--report", type=OUTPUT, help="Write a self-contained HTML page with before, after and maps.")
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def denoise(source: Path, target: Path, net: str, strength: float, sigma: float | None, **extras: Any) -> None:
    """Denoise the image file IN and write it to OUT (PNG, JPEG or TIFF).

    Bit depth, alpha, colour profile and pages are kept where OUT's format can hold them.
    """
    from pkn.images import write_image

    image = _read(source, extras["max_pixels"])
    begin = time.perf_counter()
    results = []
    for page, alpha in _progress(list(zip(image.pages, image.alpha, strict=True)), "pages"):
        results.append(_denoise_page(page, alpha, image.channel_axis, net, strength, sigma))
    seconds = time.perf_counter() - begin
    write_image(target, image.with_pages([result for _, result in results]))
    maps = results[0][0]
    if extras["maps_folder"]:
        for number, (page_maps, _) in enumerate(results):
            _save_maps(page_maps, extras["maps_folder"] / (f"page{number}" if len(results) > 1 else ""))
    if extras["report"]:
        _report(extras["report"], source, image.pages[0], results[0][1], maps, seconds)
    megapixels = sum(page.shape[0] * page.shape[1] for page in image.pages) / 1e6
    level = maps.provenance["sigma"] * 255
    click.echo(f"{target}: {megapixels:.2f} MP in {seconds:.2f} s, noise level {level:.1f}/255, network {net}")


@main.command()
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("folder", type=FOLDER, metavar="DIR")
@_net_option
@click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
def maps(source: Path, folder: Path, net: str, strength: float, sigma: float | None, max_pixels: int | None) -> None:
    """Predict the parameter maps of the image file IN: pictures and maps.npz in DIR."""
    from pkn.verbs import predict_maps

    image = _read(source, max_pixels)
    for number, page in enumerate(_progress(image.pages, "pages")):
        predicted = predict_maps(page, net, strength=strength, sigma=sigma, channel_axis=image.channel_axis)
        _save_maps(predicted, folder / (f"page{number}" if len(image.pages) > 1 else ""))
    click.echo(f"{folder}: {predicted!r}")


@main.command()
@click.option("--filter", "filter_name", default="bilateral", show_default=True, help="Filter whose maps to learn.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="Folder of images."
)
@click.option("--out", type=OUTPUT, required=True, help="Weights file to write, .safetensors.")
@click.option("--minutes", default=10.0, show_default=True, help="Length of the run on two cores; sets --steps.")
@click.option("--steps", type=int, help="Length of the run in steps.")
@click.option("--seed", default=0, show_default=True)
@click.option("--rgb", is_flag=True, help="Learn for RGB images (by default grey).")
@click.option("--radius", type=int, help="Radius of the filter's window.")
@click.option("--noise", default=55 / 255, show_default="55/255", help="Largest noise level.")
@click.option("--resume", is_flag=True, help="Go on from OUT.checkpoint.")
@click.option("--device", default="cpu", show_default=True)
def train(filter_name: str, data: Path, out: Path, minutes: float, steps: int | None, **settings: Any) -> None:
    """Train a network on any folder of images. The same seed and length give the same network."""
    from pkn.filters import FILTERS
    from pkn.training import Training, TrainingPlan, checkpoint_path, folder_names, read_folder, seconds_per_step

    if out.suffix != ".safetensors":
        raise ValueError(f"--out is '{out}'; expected a name that ends in .safetensors")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"--out is '{out}'; its folder doesn't exist")
    channels = 3 if settings["rgb"] else 1
    options = {} if settings["radius"] is None else {"radius": settings["radius"]}
    flt = {kind.__name__: kind for kind in FILTERS}[_filter_named(filter_name)](**options)
    plan = TrainingPlan(
        filter=type(flt).__name__,
        options=options,
        channels=channels,
        steps=steps or max(1, round(minutes * 60 / seconds_per_step(flt, channels))),
        seed=settings["seed"],
        data=folder_names(data),
        noise=settings["noise"],
    )
    training = Training(plan, read_folder(data, channels), settings["device"])
    if settings["resume"]:
        training.resume(checkpoint_path(out))
    with _training_progress(plan.steps) as told:
        training.run(out, told)
    psnr = ", ".join(f"{value:.2f} dB at {level}/255" for level, value in training.history[-1]["psnr"].items())
    click.echo(f"{out}: {psnr} on {len(training.held_back)} images held back")


@main.command()
def nets() -> None:
    """List the bundled networks, with parameters, training and figures."""
    from rich.console import Console
    from rich.table import Table

    from pkn.bundled import weights_folder
    from pkn.nets import read_header

    table = Table("net", "colour", "filter", "parameters", "trained on", "held-back PSNR in dB at 15 / 25 / 50 of 255")
    for path in sorted(weights_folder().glob("*.safetensors")):
        name, _, colour = path.stem.rpartition("-")
        header = read_header(path)
        about, chosen = header["about"], dict(header["architecture"]["filter"])
        settings = ", ".join(f"{key} {value}" for key, value in chosen.items() if key not in ("name", "border"))
        psnr = " / ".join(f"{value:.2f}" for value in about["best"]["psnr"].values())
        trained = f"{about['plan']['data']}: {about['images']} images, {about['plan']['steps']} steps"
        table.add_row(name, colour, f"{chosen['name']} ({settings})", str(about["parameters"]), trained, psnr)
    Console().print(table)


def _read(path: Path, max_pixels: int | None) -> Any:
    from pkn.images import DEFAULT_MAX_PIXELS, read_image

    return read_image(path, max_pixels=max_pixels or DEFAULT_MAX_PIXELS)


def _denoise_page(page: Any, alpha: Any, axis: int | None, net: str, strength: float, sigma: float | None) -> Any:
    """Maps and result; pixels that are wholly transparent carry no weight, and stay as they are."""
    from pkn.verbs import predict_maps

    mask = None if alpha is None or not alpha.any() else alpha > 0
    predicted = predict_maps(page, net, strength=strength, sigma=sigma, channel_axis=axis, mask=mask)
    result = predicted.apply(page, mask=mask, dtype="same")
    if mask is not None:
        result[~mask] = page[~mask]
    return predicted, result


def _save_maps(predicted: Any, folder: Path) -> None:
    predicted.to_png(folder)
    predicted.save(folder / "maps.npz")


def _report(path: Path, source: Path, before: Any, after: Any, predicted: Any, seconds: float) -> None:
    import numpy as np

    from pkn._image_file import as_integer
    from pkn.plots import picture_bytes
    from pkn.report import write_report

    about = predicted.provenance
    facts = [
        ("image", f"{source.name}, {before.shape[1]} x {before.shape[0]} px, {before.dtype}"),
        ("filter", str(predicted.filter)),
        ("network", about["net"]),
        ("noise level", f"{about['sigma'] * 255:.2f}/255 ({'given' if about['sigma_given'] else 'estimated'})"),
        ("strength", str(about["strength"])),
        ("time", f"{seconds:.2f} s"),
        ("pkn", about["pkn"]),
    ]
    figures = [(f"{name}: {predicted.ranges[name].meaning}", picture_bytes(predicted, name)) for name in predicted]
    pictures = {"before": as_integer(before, np.uint8), "after": as_integer(after, np.uint8)}
    write_report(path, title=f"{source.name} denoised", **pictures, figures=figures, facts=facts)


def _filter_named(name: str) -> str:
    from pkn.filters import FILTERS

    names = {kind.__name__.lower(): kind.__name__ for kind in FILTERS}
    key = name.replace("-", "").replace("_", "").lower()
    if key not in names:
        raise ValueError(f"--filter is {name!r}; expected one of {', '.join(names)}")
    return names[key]


def _progress(items: Any, what: str) -> Any:
    """A progress bar on standard error where there is more than one thing to do and someone to look."""
    if len(items) < 2 or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=what, console=Console(stderr=True))


def _training_progress(steps: int) -> Any:
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    @contextmanager
    def bar() -> Any:
        columns = (TextColumn("steps"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("train", total=steps)

            def told(step: int, psnr: dict[int, float] | None) -> None:
                progress.update(task, completed=step)
                if psnr:
                    text = ", ".join(f"{value:.2f} dB at {level}/255" for level, value in psnr.items())
                    progress.console.print(f"step {step}: {text}")

            yield told

    return bar()


if __name__ == "__main__":
    main()
