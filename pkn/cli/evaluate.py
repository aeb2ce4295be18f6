"""``pkn evaluate``."""

from pathlib import Path
from typing import Any

import click

from pkn.cli._progress import progress_bar
from pkn.cli._shared import DATA, OUTPUT, require_skimage, table_console


@click.command("evaluate")
@click.argument("folders", type=DATA, nargs=-1, required=True, metavar="DIR...")
@click.option("--task", default="denoise", show_default=True, help="denoise, camera, upsample or deconvolve.")
@click.option(
    "--net", "nets", multiple=True, help="Bundled name or .safetensors file, several times; by default all of the task."
)
@click.option("--noise", default="15,25,50", show_default=True, help="Noise levels of 255, for denoise.")
@click.option("--baselines", is_flag=True, help="Measure other libraries' methods too.")
@click.option(
    "--train", type=DATA, help="Training images: choose baselines' settings and the best global ones on them."
)
@click.option("--global", "global_settings", is_flag=True, help="Measure each filter with its best global setting too.")
@click.option("--rgb", is_flag=True, help="Colour images (by default grey).")
@click.option("--limit", type=int, help="Take only so many images of each folder.")
@click.option("--csv", "csv_file", type=OUTPUT, help="Write the table as CSV.")
@click.option("--markdown", type=OUTPUT, help="Write the table in Markdown.")
def command(
    folders: tuple[Path, ...],
    nets: tuple[str, ...],
    noise: str,
    rgb: bool,
    csv_file: Path | None,
    markdown: Path | None,
    **settings: Any,
) -> None:
    """Measure networks on folders of images, beside other methods: PSNR, SSIM and time.

    Noise comes from seeded generators: the same command prints the same figures.
    """
    from pkn.io.atomic import atomic_path

    require_skimage()

    from pkn.evaluation.benchmark import ALL, EvaluationPlan, evaluate
    from pkn.evaluation.tables import to_csv, to_markdown

    plan = EvaluationPlan(nets=nets or ALL, noise=_levels(noise), channels=3 if rgb else 1, **settings)
    with progress_bar("evaluate") as callback:
        rows = evaluate(folders, plan, callback)
    for path, text in ((csv_file, to_csv(rows)), (markdown, to_markdown(rows))):
        if path:
            with atomic_path(path) as temporary:
                temporary.write_text(text)
    _show(rows)


def _levels(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--noise is {text!r}; expected levels of 255 with commas between") from None


def _show(rows: list[Any]) -> None:
    from rich.table import Table

    from pkn.evaluation.tables import HEADER, cells

    table = Table(*HEADER)
    for row in rows:
        table.add_row(*cells(row))
    table_console().print(table)
