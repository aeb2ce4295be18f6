"""``pkn nets``."""

from collections.abc import Iterator
from pathlib import Path

import click

from pkn.cli._licences import LICENCE, terms_of
from pkn.cli._shared import print_table

DIGITS = 12  # of hashes in tables
COLOURS = {1: "grey", 3: "RGB"}
FOLDERS = {"samplers": "pkn sample", "cold": "pkn sample-cold", "estimators": "pkn estimate-noise"}


@click.command("nets")
@click.argument("name", required=False)
@click.option("--card", is_flag=True, help="Print the model card of NAME, in the Hugging Face format.")
def command(name: str | None, card: bool) -> None:
    """List the bundled networks; with NAME, a bundled one or a .safetensors file, show all that is known of it."""
    from pkn.training import model_cards

    if name is None:
        if card:
            raise ValueError("--card was given without NAME; expected a bundled network or a .safetensors file")
        _list()
        return
    for path in _paths(name):
        if card:
            licence = "" if name.endswith(".safetensors") else LICENCE.lower()
            click.echo(model_cards.card([path], licence=licence), nl=False)
        else:
            _show(path)


def _list() -> None:
    from pkn.nets import read_header
    from pkn.nets.loading import sha256_of
    from pkn.pretrained import weights_folder
    from pkn.training.model_cards import describe

    rows = []
    for path in sorted(weights_folder().glob("*.safetensors")):
        name, _, colour = path.stem.rpartition("-")
        found = describe(path)
        psnr = "; ".join(f"{what}: {value:.2f}" for what, value, _ in found.figures)
        trained = f"{found.data}: {found.training}"
        network = f"{found.network}, {read_header(path)['about']['parameters']} parameters"
        rows.append((name, colour, found.task, network, trained, psnr, sha256_of(path)[:DIGITS]))
    columns = ["net", "colour", "task", "network", "trained on", "PSNR in dB, held back", "SHA-256"]
    print_table("networks of pkn denoise, upsample and deconvolve", columns, rows)
    columns = ["model", "for", "task", "network", "trained on", "SHA-256"]
    print_table("samplers, restorers and estimators", columns, _restorers(weights_folder()))
    click.echo(f"Licence of all: {LICENCE}; what they were trained on has terms of its own (pkn nets NAME, NOTICE).")


def _restorers(folder: Path) -> Iterator[tuple[str, ...]]:
    from pkn.nets.loading import sha256_of
    from pkn.training.model_cards import describe

    for kind, command in FOLDERS.items():
        for path in sorted((folder / kind).glob("*.safetensors")):
            found = describe(path)
            trained = ": ".join(part for part in (found.data, found.training) if part)
            network = f"{found.network}, {COLOURS[found.channels]}"
            yield path.stem, command, found.task, network, trained, sha256_of(path)[:DIGITS]


def _paths(name: str) -> list[Path]:
    """A file, or the bundled networks of a name: one for each number of channels."""
    from pkn.pretrained import unknown_name, weights_folder

    if name.endswith(".safetensors"):
        return [Path(name)]
    paths = sorted(weights_folder().rglob("*.safetensors"))
    found = [path for path in paths if name in (path.stem, path.stem.rpartition("-")[0])]
    if not found:
        raise unknown_name("NAME", name, sorted({path.stem for path in paths}))
    return found


def _show(path: Path) -> None:
    from pkn.nets import read_header
    from pkn.nets.loading import sha256_of
    from pkn.pretrained import weights_folder
    from pkn.training.model_cards import describe

    found, bundled = describe(path), weights_folder() in path.parents
    lines = [("network", found.network), ("task", found.task), ("colour", COLOURS.get(found.channels, ""))]
    parameters = read_header(path)["about"].get("parameters")
    lines += [("parameters", str(parameters or ""))]
    lines += [("trained on", found.data or ("bsds432" if bundled else "")), ("training", found.training)]
    lines += [("figure", f"{what}: {value:.4g} {unit}".rstrip()) for what, value, unit in found.figures]
    lines += [("licence", f"{LICENCE}, by pkn" if bundled else "none is stated in the file")]
    lines += [("terms of data", text) for text in terms_of(dict(lines)["trained on"]) if bundled]
    lines += [("weights", f"{path.stat().st_size:,} bytes"), ("SHA-256", sha256_of(path)), ("file", str(path))]
    click.echo(path.stem)
    for title, text in lines:
        if text:
            click.echo(f"  {title:<14} {text}")
