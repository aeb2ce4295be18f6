"""``pkn nets``."""

import click

from pkn.cli._shared import table_console


@click.command("nets")
def command() -> None:
    """List the bundled networks, with parameters, training and figures."""
    from rich.table import Table

    from pkn.nets import read_header
    from pkn.pretrained import weights_folder

    table = Table("net", "colour", "filter", "parameters", "trained for, on", "PSNR in dB on images held back")
    table.columns[0].no_wrap = True
    for path in sorted(weights_folder().glob("*.safetensors")):
        name, _, colour = path.stem.rpartition("-")
        header = read_header(path)
        about, chosen = header["about"], dict(header["architecture"]["filter"])
        plan = about["plan"]
        settings = ", ".join(f"{key} {value}" for key, value in chosen.items() if key not in ("name", "border"))
        psnr = "; ".join(f"{check}: {value:.2f}" for check, value in about["best"]["psnr"].items())
        trained = f"{plan['task']}, {plan['data']} ({about['images']} images), {plan['steps']} steps"
        table.add_row(name, colour, f"{chosen['name']} ({settings})", str(about["parameters"]), trained, psnr)
    table_console().print(table)
