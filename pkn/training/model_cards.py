"""What a weights file says of itself, in words; and model cards, in the Hugging Face format.

A card is Markdown after a front matter in YAML (whose values are written as JSON, which YAML takes). All in it is read
from the weights' header but the command.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pkn.io.atomic import atomic_path
from pkn.nets.loading import sha256_of
from pkn.nets.weights import read_header

LIBRARY = 'library_name: "pkn"'
HUB_NAME = "model.safetensors"  # as the Hub's tools expect weights: its card is the folder's README.md
GENERATES = "flow from noise"


class Description(NamedTuple):
    """A network: its kind, task, channels, data, length of training, and ``(what, value, unit)`` measured."""

    network: str
    task: str
    channels: int
    training: str
    data: str
    figures: tuple[tuple[str, float, str], ...]


def describe(path: str | Path) -> Description:
    """Read what a network is from its weights file.

    Examples
    --------
    >>> from pkn.pretrained import weights_folder
    >>> from pkn.training.model_cards import describe
    >>> found = describe(weights_folder() / "bilateral-grey.safetensors")
    >>> found.task, found.data, found.figures[0]
    ('denoise', 'bsds432, gray400', ('15', 29.941, 'dB PSNR'))
    """
    header = read_header(path)
    about, built = header["about"], header["architecture"]
    plan, network = about.get("plan", {}), str(built.get("network"))
    number = f"{about['images']} images" if "images" in about else ""
    figures: list[tuple[str, float, str]] = []
    if network == "MapNet":
        chosen = dict(built["filter"])
        network = f"maps of {chosen.pop('name')} ({', '.join(f'{k} {v}' for k, v in chosen.items() if k != 'border')})"
        task, length = plan.get("task", "denoise"), f"{plan.get('steps')} steps"
        figures = [(name, value, "dB PSNR") for name, value in about.get("best", {}).get("psnr", {}).items()]
    elif network == "NoiseEstimator":
        task, length = "estimate noise", f"{about.get('examples')} simulated images"
        figures = [("error of the noise level on images held back", about["error"], "of it, in the median")]
    else:
        task, length = _restorers_task(plan.get("objective", {})), f"{about.get('step')} steps"
        if about.get("curve"):
            figures = [("last mean of the training loss", about["curve"][-1][-1], "")]
    training = ", ".join(part for part in (number, length, _seed(plan, about)) if part)
    channels = int(built.get("channels", 1))  # wavelet models, which have inputs instead, are for grey images
    return Description(network, task, channels, training, str(plan.get("data", "")), tuple(figures))


def _restorers_task(objective: Mapping[str, Any]) -> str:
    if objective.get("degradation"):
        return f"restore {objective['degradation']['kind']}"
    if "scales" in objective:
        return "wavelet low-pass" if objective.get("scale") is None else "wavelet details"
    return GENERATES


def _seed(plan: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    seed = plan.get("seed", about.get("seed"))
    start = f", begun with {plan['start']}" if plan.get("start") else ""
    return "" if seed is None else f"seed {seed}{start}"


def card_path(weights: Sequence[Path]) -> Path:
    """Where the card of weights goes: README.md for several files or ``model.safetensors``, else ``<name>.md``."""
    first = weights[0]
    return first.with_name("README.md") if len(weights) > 1 or first.name == HUB_NAME else first.with_suffix(".md")


def write_card(weights: Sequence[Path], command: str = "", licence: str = "") -> Path | None:
    """Write the model card of weights files beside them, whole or not at all.

    Returns its path, or None if something else than a card of pkn's is there, which stays.
    """
    path = card_path(weights)
    if path.exists() and LIBRARY not in path.read_text(errors="replace")[:2000]:
        return None
    with atomic_path(path) as temporary:
        temporary.write_text(card(weights, command, licence), encoding="utf-8")
    return path


def card(weights: Sequence[Path], command: str = "", licence: str = "") -> str:
    """The text of the model card of weights files.

    Examples
    --------
    >>> from pkn.pretrained import weights_folder
    >>> from pkn.training.model_cards import card
    >>> card([weights_folder() / "bilateral-grey.safetensors"]).splitlines()[1]
    'library_name: "pkn"'
    """
    found = [describe(path) for path in weights]
    lines = [*_front_matter(weights[0], found[0], licence), "", f"# {_title(weights[0])}", ""]
    lines += [
        f"{found[0].network}: {found[0].task}, {_colour(found[0].channels)}. A network of pkn (procedural-kernels).",
        "",
    ]
    lines += ["## Use", "", "```python", "import pkn", "", f'net = pkn.nets.load("{weights[0].name}")', "```", ""]
    lines += ["## Training", "", f"- Data: {found[0].data or 'see the command'}", f"- Length: {found[0].training}"]
    lines += [f"- Command: `{command}`", ""] if command else [""]
    lines += ["## Figures", "", "| file | measured | value |", "|---|---|---|"]
    for path, facts in zip(weights, found, strict=True):
        lines += [f"| {path.name} | {what} | {f'{value:.4g} {unit}'.rstrip()} |" for what, value, unit in facts.figures]
    lines += ["", *_limits(found[0], licence), "## Files", ""]
    lines += [f"- `{path.name}`, SHA-256 `{sha256_of(path)}`" for path in weights]
    return "\n".join(lines) + "\n"


def _title(path: Path) -> str:
    return path.resolve().parent.name if path.name == HUB_NAME else path.stem


def _colour(channels: int) -> str:
    return {1: "grey", 3: "RGB"}.get(channels, f"{channels} channels")


def _front_matter(path: Path, facts: Description, licence: str) -> list[str]:
    kind = "unconditional-image-generation" if facts.task == GENERATES else "image-to-image"
    matter: dict[str, Any] = {"library_name": "pkn", "pipeline_tag": kind, "tags": ["pkn", facts.task]}
    if licence:
        matter["license"] = licence
    psnr = [
        {"type": "psnr", "name": f"PSNR, {what}", "value": value} for what, value, unit in facts.figures if "dB" in unit
    ]
    if psnr:
        data = {"type": "images", "name": f"images held back from {facts.data}"}
        result = {"task": {"type": kind, "name": facts.task}, "dataset": data, "metrics": psnr}
        matter["model-index"] = [{"name": _title(path), "results": [result]}]
    return ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in matter.items()), "---"]


def _limits(facts: Description, licence: str) -> list[str]:
    lines = ["## Limits", "", f"- For {_colour(facts.channels)} images only."]
    if facts.figures:
        lines.append(
            "- Figures are of the run itself, on images or values of the same source; other data may give others."
        )
    lines.append("- What the training data lacked, the network doesn't know; their terms may bind whoever uses it.")
    if not licence:
        lines.append("- No licence is stated: whoever publishes this states one (`license:` above).")
    return [*lines, ""]
