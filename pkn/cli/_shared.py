"""What the commands share: arguments, reading images, progress."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
TABLE_WIDTH = 160
FEATURES_HELP = "Fréchet distances by: classifier (trained now), .npz of SqueezeNet 1.1, .pth of FID's Inception."
DATA = click.Path(exists=True, file_okay=False, path_type=Path)


def net_options(function: Any) -> Any:
    function = click.option("--net", default="pyramid", show_default=True, help="Bundled name or .safetensors file.")(
        function
    )
    function = click.option("--strength", default=1.0, show_default=True, help="0 is the identity, more smooths more.")(
        function
    )
    return click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")(
        function
    )


def require_torch(purpose: str) -> None:
    """One clear error where torch is needed and isn't there."""
    if not find_spec("torch"):
        raise ValueError(f"torch isn't installed; expected it for {purpose}: pip install 'pkn[train]'")


def require_skimage() -> None:
    if not find_spec("skimage"):
        raise ValueError("scikit-image isn't installed; expected it for SSIM: pip install 'pkn[evaluate]'")


def read(path: Path, max_pixels: int | None) -> Any:
    from pkn.io.images import DEFAULT_MAX_PIXELS, read_image

    return read_image(path, max_pixels=max_pixels or DEFAULT_MAX_PIXELS)


def save_maps(predicted: Any, folder: Path) -> None:
    predicted.to_png(folder)
    predicted.save(folder / "maps.npz")


def progress(items: Any, what: str) -> Any:
    """A progress bar on standard error where there is more than one thing to do and someone to look."""
    if len(items) < 2 or not sys.stderr.isatty():
        return items
    from rich.console import Console
    from rich.progress import track

    return track(items, description=what, console=Console(stderr=True))


@contextmanager
def parts_progress() -> Iterator[Callable[[float, float], None]]:
    """A progress bar on standard error for ``tell(done, total)``."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("parts", total=1.0)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def table_console() -> Any:
    """Where tables are printed: a file has no width, so it gets a generous one."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=TABLE_WIDTH)


def print_table(title: str, columns: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Rows of names and numbers."""
    from rich.table import Table

    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    table_console().print(table)


def report(path: Path, source: Path, before: Any, after: Any, predicted: Any, seconds: float) -> None:
    """The HTML page about one image: before and after, facts, maps."""
    import numpy as np

    from pkn.io.image_file import as_integer
    from pkn.plotting.html_report import write_report
    from pkn.plotting.maps import picture_bytes
    from pkn.restoration.parameter_maps import weight_facts

    about = predicted.provenance
    facts = [
        ("image", f"{source.name}, {before.shape[1]} x {before.shape[0]} px, {before.dtype}"),
        ("filter", str(predicted.filter)),
        ("network", about["net"]),
        ("noise level", f"{about['sigma'] * 255:.2f}/255 ({'given' if about['sigma_given'] else 'estimated'})"),
        ("strength", str(about["strength"])),
        *weight_facts(predicted, before),
        ("time", f"{seconds:.2f} s"),
        ("pkn", about["pkn"]),
    ]
    figures = [(f"{name}: {predicted.ranges[name].meaning}", picture_bytes(predicted, name)) for name in predicted]
    pictures = {"before": as_integer(before, np.uint8), "after": as_integer(after, np.uint8)}
    write_report(path, title=f"{source.name} before and after", **pictures, figures=figures, facts=facts)
