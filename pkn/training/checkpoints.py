"""The state of a training run as one safetensors file: several networks' weights and what the optimiser remembers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pkn.io.atomic import atomic_path
from pkn.nets.weights import read_header, read_tensors, to_bytes

LARGEST_CHECKPOINT = 2 << 30


def save_checkpoint(
    path: Path,
    config: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Tensor]],
    optimiser: torch.optim.Optimizer,
    about: Mapping[str, Any],
) -> None:
    """Write a checkpoint.

    Parameters
    ----------
    path : Path
    config : mapping
        Of the network, as in the header of a weights file.
    parts : mapping of str to state dict
        Tensors by the names of what they belong to, such as "net".
    optimiser : torch.optim.Optimizer
        Its state is written too.
    about : mapping
        The rest of the state, as JSON stores it; ``about["plan"]`` is the plan of the run.
    """
    tensors = {f"{part}.{name}": values for part, state in parts.items() for name, values in state.items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{name}": values for name, values in state.items()}
    arrays = {name: values.detach().cpu().numpy() for name, values in tensors.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_bytes(config, arrays, dict(about)))


def load_checkpoint(path: Path, plan: Mapping[str, Any], optimiser: torch.optim.Optimizer) -> tuple[Any, Any]:
    """Read a checkpoint, and give the optimiser its state back.

    Returns
    -------
    about, parts
        As they were saved.

    Raises
    ------
    ValueError
        If the checkpoint is of another plan than ``plan``, or the file isn't a checkpoint.
    """
    about = read_header(path)["about"]
    if about.get("plan") != plan:
        raise ValueError(f"checkpoint '{path}' is of the plan {about.get('plan')}; expected {plan}")
    parts: dict[str, dict[str, Tensor]] = {}
    for name, array in read_tensors(path, LARGEST_CHECKPOINT).items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = torch.from_numpy(array.copy())
    state: dict[int, dict[str, Tensor]] = {}
    for name, values in parts.pop("optimiser", {}).items():
        number, _, rest = name.partition(".")
        state.setdefault(int(number), {})[rest] = values
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return about, parts


def checkpoint_path(out: Path) -> Path:
    """The file in which a run that writes ``out`` keeps its state until it is done."""
    return out.with_name(out.name + ".checkpoint")
