"""``pkn evaluate``."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import DATA, OUTPUT


@click.command("evaluate")
@click.argument("data", type=DATA, nargs=-1, required=True, metavar="DIR...")
@click.option("--task", default="denoise", show_default=True, help="denoise, camera, upsample or deconvolve.")
@click.option("--net", "nets", multiple=True, help="Bundled name or .safetensors file; can be given several times.")
@click.option("--noise", default="15,25,50", show_default=True, help="Noise levels of 255, for denoise.")
@click.option("--peers", is_flag=True, help="Measure other libraries' methods too.")
@click.option("--train", type=DATA, help="Training images: choose peers' settings and the best global ones on them.")
@click.option("--global", "settings", is_flag=True, help="Measure each filter with its best global setting, too.")
@click.option("--rgb", is_flag=True, help="Colour images (by default grey).")
@click.option("--limit", type=int, help="Take only so many images of each folder.")
@click.option("--csv", "csv_file", type=OUTPUT, help="Write the table as CSV.")
@click.option("--markdown", type=OUTPUT, help="Write the table in Markdown.")
def command(data: tuple[Path, ...], task: str, nets: tuple[str, ...], noise: str, rgb: bool, **more: Any) -> None:
    """Measure networks on folders of images, beside other methods: PSNR, SSIM and time.

    Noise comes from seeded generators: the same command prints the same figures.
    """
    from pkn._files import atomic_path
    from pkn.evaluation import to_csv, to_markdown
    from pkn.trials import make_trial

    for given in (more["csv_file"], more["markdown"]):
        if given and not given.resolve().parent.is_dir():
            raise FileNotFoundError(f"'{given}' can't be written; its folder doesn't exist")
    if not find_spec("skimage"):
        raise ValueError("scikit-image isn't installed; expected it for SSIM: pip install 'pkn[evaluate]'")
    if more["settings"] and (task != "denoise" or not more["train"]):
        raise ValueError("--global needs --train with a folder of images, and --task denoise")
    trial = make_trial(task, _levels(noise))
    rows = _measure(trial, data, nets, 3 if rgb else 1, more)
    for path, text in ((more["csv_file"], to_csv(rows)), (more["markdown"], to_markdown(rows))):
        if path:
            with atomic_path(path) as temporary:
                temporary.write_text(text)
    _show(rows)


def _levels(text: str) -> tuple[float, ...]:
    try:
        levels = tuple(float(part) for part in text.split(","))
    except ValueError:
        levels = ()
    if not levels or not all(0 <= level < 256 for level in levels):
        raise ValueError(f"--noise is {text!r}; expected levels from 0 to 255 with commas between")
    return levels


def _measure(
    trial: Any, data: tuple[Path, ...], nets: tuple[str, ...], channels: int, more: dict[str, Any]
) -> list[Any]:
    import numpy as np

    from pkn.evaluation import measure
    from pkn.training import read_folder
    from pkn.trials import TUNING_IMAGES, choose, net_method

    ours = [net_method(trial, net, channels) for net in nets]
    known = read_folder(more["train"], channels) if more["train"] else []
    known = [known[i] for i in np.random.default_rng(0).permutation(len(known))[:TUNING_IMAGES]]
    candidates = trial.peers.values() if more["peers"] else []
    peers = [choose(each, trial.cases, known) if known else each[len(each) // 2] for each in candidates]
    folders = {folder: read_folder(folder, channels)[: more["limit"]] for folder in data}
    rows = []
    with _progress(len(folders) * len(trial.cases) * (len(ours) + len(peers))) as advance:
        for folder, images in folders.items():
            for case in trial.cases:
                tuned = _best(nets, channels, known, case) if more["settings"] else []
                for method in [*ours, *tuned, *peers]:
                    rows.append(measure(method, images, case, folder.name))
                    advance(f"{folder.name}, {case.name}: {method.name}")
    return rows


def _best(nets: tuple[str, ...], channels: int, known: list[Any], case: Any) -> list[Any]:
    """The networks' filters with their best global settings."""
    from pkn.bundled import find_net
    from pkn.global_settings import best_global

    filters = dict.fromkeys(find_net(net, channels).filter for net in nets)
    found = (best_global(flt, known, case, case.level) for flt in filters)
    return [method for method in found if method is not None]


def _progress(total: int) -> Any:
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import Progress

    @contextmanager
    def bar() -> Any:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("evaluate", total=total)
            yield lambda text: progress.update(task, advance=1, description=text)

    return bar()


def _show(rows: list[Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from pkn.evaluation import HEADER, cells

    console = Console()
    if not console.is_terminal:  # a file has no width
        console = Console(width=160)
    table = Table(*HEADER)
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)
