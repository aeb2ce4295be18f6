"""``pkn export``."""

from pathlib import Path

import click

from pkn.cli._shared import IMAGE, OUTPUT, require_torch


@click.command("export")
@click.argument("source", type=IMAGE, metavar="IN")
@click.argument("target", type=OUTPUT, metavar="OUT")
@click.option("--guiding", type=IMAGE, help="A worse sampler's network, to be a part of OUT: IN's guidance.")
@click.option("--int8", is_flag=True, help="Weights in int8 with a scale for each channel.")
def command(source: Path, target: Path, guiding: Path | None, int8: bool) -> None:
    """Write the averaged network of a run's checkpoint (or of a weights file) IN as the weights file OUT."""
    require_torch("exporting")
    from pkn.training.restorer import export_weights

    export_weights(source, target, int8, guiding)
    click.echo(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
