"""What the commands share: arguments, optional dependencies, tables."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pkn.version import missing

IMAGE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Output(click.Path):
    """A file to write, which is checked at once, not after the work."""

    def __init__(self, picture: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self.picture = picture

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from pkn.io.atomic import writable_target
        from pkn.io.formats import format_of

        path = Path(str(super().convert(value, param, ctx)))
        if self.picture:
            format_of(path)
        writable_target(path)
        return path


OUTPUT, PICTURE = _Output(), _Output(picture=True)
# Options about one image, by their parameters' names: not with several, nor with videos and series.
OF_ONE_IMAGE = {"maps_folder": "--maps", "page": "--report", "receipt": "--receipt"}
FOLDER = click.Path(file_okay=False, path_type=Path)
TABLE_WIDTH = 160
FEATURES_HELP = (
    "Fréchet distances by: classifier (trained now), random (never trained), .npz of SqueezeNet 1.1, .pth of FID's "
    "Inception."
)
DATA = click.Path(exists=True, file_okay=False, path_type=Path)
MODEL_FOLDER = click.option(
    "--weights", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of a multi-scale model."
)
MAX_PIXELS = click.option("--max-pixels", type=int, help="Refuse images with more pixels.")
DENOISER = click.option(
    "--denoiser",
    default="any-noise",
    show_default=True,
    callback=lambda ctx, param, value: None if value == "none" else value,
    help="Network that takes noise before, or none.",
)
MAPS = click.option("--maps", "maps_folder", type=FOLDER, help="Write the parameter maps there: pictures and .npz.")
REPORT = click.option(
    "--report", "page", type=OUTPUT, help="Write a self-contained HTML page: before, after, residual, maps, hashes."
)


def net_options(function: Any) -> Any:
    """Network, strength and noise level."""
    function = click.option("--net", default="any-noise", show_default=True, help="Bundled name or .safetensors file.")(
        function
    )
    function = click.option(
        "--strength",
        default="1",
        show_default=True,
        callback=_to_strength,
        help="0 is the identity, more smooths more; LUMA,CHROMA for colour.",
    )(function)
    function = click.option("--noise", type=IMAGE, callback=_to_profile, help="Noise profile, .json.")(function)
    return click.option("--sigma", type=float, help="Noise level as a fraction of full range; estimated by default.")(
        function
    )


def _to_strength(context: Any, option: Any, text: str) -> Any:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 2):
        raise ValueError(f"--strength is {text!r}; expected a number, or two as LUMA,CHROMA")
    return values[0] if len(values) == 1 else values


def _to_profile(context: Any, option: Any, path: Path | None) -> Any:
    if path is None:
        return None
    from pkn.restoration.noise_profile import NoiseProfile

    return NoiseProfile.load(path)


def level_in_words(level: float, dtype: Any, black: float = 0.0, white: float | None = None) -> str:
    """A noise level as `denoise` knows it: in the values of a file of the dtype, or of 255 where white is told."""
    from pkn.filters.arrays import FULL_RANGE, native

    if white is not None:
        return f"{255 * level / (white - black):.1f}/255"
    most = FULL_RANGE.get(native(dtype))
    return f"{level:.4g}" if most is None else f"{most * level:.1f}/{most}"


def require_torch(purpose: str) -> None:
    """One clear error where torch is needed and isn't there."""
    if not find_spec("torch"):
        raise ValueError(missing("torch", purpose, "train"))


def require_skimage() -> None:
    """One clear error where scikit-image is needed and isn't there."""
    if not find_spec("skimage"):
        raise ValueError(missing("scikit-image", "SSIM", "evaluate"))


def require_rawpy() -> None:
    """One clear error where rawpy is needed and isn't there."""
    if not find_spec("rawpy"):
        raise ValueError(missing("rawpy", "raw files", "raw"))


def require_av() -> None:
    """One clear error where PyAV is needed and isn't there."""
    if not find_spec("av"):
        raise ValueError(missing("av", "videos", "video"))


def require_zarr(source: Path, target: Path) -> None:
    """One clear error where zarr or Dask is needed and isn't there, or only one of the names is a Zarr image's."""
    if not (find_spec("zarr") and find_spec("dask")):
        raise ValueError(missing("zarr or dask", "Zarr images", "zarr"))
    if source.suffix != target.suffix:
        raise ValueError(f"IN is '{source}' and OUT '{target}'; expected both to end in .zarr, or none")


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
