"""``pkn nets``."""

import click


@click.command("nets")
def command() -> None:
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
