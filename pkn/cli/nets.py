"""``pkn nets``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from pkn.cli._shared import table_console


@click.command("nets")
def command() -> None:
    """List the bundled networks: what they are for, parameters, training and figures."""
    from rich.table import Table

    from pkn.nets import read_header
    from pkn.pretrained import weights_folder

    folder, console = weights_folder(), table_console()
    table = Table("net", "colour", "filter", "parameters", "trained for, on", "PSNR in dB on images held back")
    table.columns[0].no_wrap = True
    for path in sorted(folder.glob("*.safetensors")):
        table.add_row(*_map_net(path, read_header(path)))
    console.print(table)
    table = Table("model", "for", "network", "trained for, on", title="samplers and restorers")
    table.columns[0].no_wrap = True
    for row in _restorers(folder):
        table.add_row(*row)
    console.print(table)


def _map_net(path: Path, header: Mapping[str, Any]) -> tuple[str, ...]:
    name, _, colour = path.stem.rpartition("-")
    about, chosen = header["about"], dict(header["architecture"]["filter"])
    plan = about["plan"]
    settings = ", ".join(f"{key} {value}" for key, value in chosen.items() if key not in ("name", "border"))
    psnr = "; ".join(f"{check}: {value:.2f}" for check, value in about["best"]["psnr"].items())
    trained = f"{plan['task']}, {plan['data']} ({about['images']} images), {plan['steps']} steps"
    return name, colour, f"{chosen['name']} ({settings})", str(about["parameters"]), trained, psnr


def _restorers(folder: Path) -> Iterator[tuple[str, ...]]:
    from pkn.nets import read_header

    for kind, command in (("samplers", "pkn sample"), ("cold", "pkn sample-cold")):
        for path in sorted((folder / kind).glob("*.safetensors")):
            header = read_header(path)
            about, built = header["about"], header["architecture"]
            plan = about["plan"]
            degradation = plan["objective"].get("degradation")
            task = "flow from noise" if degradation is None else degradation["kind"]
            size = f"{built['network']}, {built['size']} px, {'RGB' if built['channels'] == 3 else 'grey'}"
            number = f" ({about['images']} images)" if "images" in about else ""
            trained = f"{task}, {plan['data']}{number}, {about['step']} steps"
            yield path.stem, command, size, trained
