"""``pkn verify``."""

from pathlib import Path

import click

from pkn.cli._first_use import announce_compiling
from pkn.cli._shared import IMAGE

FILE_OR_ZARR = click.Path(exists=True, path_type=Path)
MARKS = {True: "yes", False: "NO", None: "-"}


@click.command("verify")
@click.argument("receipt", type=IMAGE)
@click.argument("source", type=FILE_OR_ZARR, metavar="IN")
@click.argument("target", type=FILE_OR_ZARR, metavar="[OUT]", required=False)
@click.option("--key", type=IMAGE, help="Public Ed25519 key, PEM, of who is said to have signed.")
def command(receipt: Path, source: Path, target: Path | None, key: Path | None) -> None:
    """Check a RECEIPT of pkn denoise: replay its maps on IN, and say whether OUT is what came out, bit for bit.

    The exit code is 1 if anything isn't as the receipt says.
    """
    from pkn.evidence.receipts import verify_receipt

    announce_compiling()
    checks = verify_receipt(receipt, source, target, key)
    for check in checks:
        click.echo(f"{MARKS[check.holds]:4} {check.name}: {check.words}")
    if failed := [check.name for check in checks if check.holds is False]:
        raise ValueError(f"'{receipt}' doesn't hold: {', '.join(failed)}")
