"""``pkn evaluate-pairs``."""

from pathlib import Path

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import DATA, print_table, require_skimage


@click.command("evaluate-pairs")
@click.argument("folders", type=DATA, nargs=-1, required=True, metavar="DIR...")
@click.option("--net", "nets", multiple=True, default=("any-noise",), help="Bundled name or .safetensors file.")
@click.option("--baselines", is_flag=True, help="Measure other libraries' methods too, at their best setting.")
@click.option("--limit", type=int, help="Take only so many pairs of each folder.")
def command(folders: tuple[Path, ...], nets: tuple[str, ...], baselines: bool, limit: int | None) -> None:
    """Measure networks on real noise: folders of pairs *_noisy and *_clean, or with folders noisy and clean."""
    require_skimage()
    from pkn.evaluation.pairs import evaluate_pairs
    from pkn.evaluation.tables import HEADER, cells

    rows = []
    with progress_bar("evaluate") as callback:
        for folder in folders:
            rows += evaluate_pairs(folder, nets, baselines, limit, callback)
    print_table("real noise", list(HEADER), [cells(row) for row in rows])
