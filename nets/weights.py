"""Networks on disk: safetensors with a JSON header; read with distrust, never a pickle."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialise

from pkn.filters import FILTERS, Filter
from pkn.nets.map_net.architecture import Architecture

LARGEST_FILE = 64 << 20
LARGEST_HEADER = 1 << 20
LARGEST_SETTING = 1024


def to_bytes(architecture: Mapping[str, Any], tensors: dict[str, np.ndarray], about: dict[str, Any]) -> bytes:
    """A weights file: tensors, the architecture they belong to, and ``about``, how they were made, as JSON."""
    header = {"architecture": architecture, "about": about}
    return serialise(
        {name: np.ascontiguousarray(values) for name, values in tensors.items()}, {"pkn": json.dumps(header)}
    )


def to_config(architecture: Architecture) -> dict[str, Any]:
    """What it takes to build the network again."""
    flt = architecture.filter
    return {
        "network": "MapNet",
        "filter": {"name": type(flt).__name__, **asdict(flt)},
        "ranges": _ranges(flt),
        "channels": architecture.channels,
        **architecture.settings,
    }


def _ranges(flt: Filter) -> dict[str, list[float]]:
    return {name: [limits.low, limits.high] for name, limits in flt.ranges.items()}


def read_header(path: str | Path) -> dict[str, Any]:
    """``{"architecture": ..., "about": ...}`` of a weights file, without its tensors.

    Raises
    ------
    ValueError
        If the file is no weights file of ours.
    """
    with Path(path).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= LARGEST_HEADER:
            raise _refusal(path, f"its header claims {size} bytes, expected at most {LARGEST_HEADER}")
        text = file.read(size)
    try:
        header = json.loads(json.loads(text)["__metadata__"]["pkn"])
        if not all(isinstance(header[part], dict) for part in ("architecture", "about")):
            raise TypeError("architecture and about must be objects")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refusal(path, f"no header of a pkn network ({error!r})") from None
    return dict(header)


def read_tensors(path: str | Path, largest: int = LARGEST_FILE) -> dict[str, np.ndarray]:
    """All tensors of a safetensors file of bearable size, ``largest`` bytes."""
    size = Path(path).stat().st_size
    if size > largest:
        raise _refusal(path, f"{size} bytes, expected at most {largest}")
    try:
        return parse(Path(path).read_bytes())
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _refusal(path, str(error)) from None


def read_weights(path: str | Path) -> tuple[Architecture, dict[str, np.ndarray]]:
    """Read a network's architecture and weights.

    Raises
    ------
    ValueError
        If names, shapes, dtypes or sizes aren't the architecture's, or a weight isn't finite.
    FileNotFoundError, IsADirectoryError
    """
    architecture = _build(path, read_header(path)["architecture"])
    tensors, wanted = read_tensors(path), architecture.shapes()
    if set(tensors) != set(wanted):
        raise _refusal(path, f"tensors {sorted(set(tensors) ^ set(wanted))} are missing or too many")
    for name, values in tensors.items():
        if values.shape != wanted[name] or values.dtype != np.float32:
            came = f"{values.dtype} of shape {values.shape}"
            raise _refusal(path, f"{name} is {came}, expected float32 of shape {wanted[name]}")
        if not np.isfinite(values).all():
            raise _refusal(path, f"{name} has values that are not finite")
    return architecture, tensors


def _build(path: str | Path, described: dict[str, Any]) -> Architecture:
    try:
        settings = dict(described)
        if settings.pop("network") != "MapNet":
            raise ValueError("network is not MapNet")
        chosen = dict(settings.pop("filter"))
        kind = {kind.__name__: kind for kind in FILTERS}[chosen.pop("name")]
        ranges, noise = settings.pop("ranges"), settings.pop("noise")
        numbers = [*settings.values(), *(v for v in chosen.values() if not isinstance(v, str))]
        if not all(isinstance(v, int) and 1 <= v <= LARGEST_SETTING for v in numbers):
            raise ValueError(f"settings {numbers} must be whole numbers from 1 to {LARGEST_SETTING}")
        flt = kind(**chosen)
        if ranges != _ranges(flt):
            raise ValueError(f"it was trained for maps in the ranges {ranges}, this version's are {_ranges(flt)}")
        architecture = Architecture(flt, noise=noise, **settings)
        if 4 * architecture.parameters > LARGEST_FILE:
            raise ValueError(f"{architecture.parameters} parameters")
        return architecture
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _refusal(path, f"its architecture can't be built ({error})") from None


def _refusal(path: str | Path, why: str) -> ValueError:
    return ValueError(f"cannot load '{path}' as weights: {why}")
