"""Networks on disk: safetensors with a JSON header; read with distrust, never a pickle."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import save as serialise
from torch import Tensor

from pkn.filters import FILTERS, Filter
from pkn.nets._map_net import MapNet

LARGEST_FILE = 64 << 20
LARGEST_HEADER = 1 << 20
LARGEST_SETTING = 1024


def to_bytes(net: MapNet, about: dict[str, Any], more: dict[str, Tensor] | None = None) -> bytes:
    """A weights file: the network's tensors (or others), its architecture, and ``about``, how it was made, as JSON."""
    tensors = net.state_dict() if more is None else more
    header = {"architecture": architecture(net), "about": about}
    return serialise({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, {"pkn": json.dumps(header)})


def architecture(net: MapNet) -> dict[str, Any]:
    """What it takes to build the network again."""
    return {
        "network": "MapNet",
        "filter": {"name": type(net.filter).__name__, **asdict(net.filter)},
        "ranges": _ranges(net.filter),
        "channels": net.channels,
        "noise": net.noise,
        **net.settings,
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


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file of bearable size."""
    size = Path(path).stat().st_size
    if size > LARGEST_FILE:
        raise _refusal(path, f"{size} bytes, expected at most {LARGEST_FILE}")
    try:
        return parse(Path(path).read_bytes())
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _refusal(path, str(error)) from None


def load_net(path: str | Path) -> MapNet:
    """Read a network, ready to use.

    Raises
    ------
    ValueError
        If names, shapes, dtypes or sizes aren't the architecture's, or a weight isn't finite.
    FileNotFoundError, IsADirectoryError
    """
    net = _build(path, read_header(path)["architecture"])
    tensors, wanted = read_tensors(path), net.state_dict()
    if set(tensors) != set(wanted):
        raise _refusal(path, f"tensors {sorted(set(tensors) ^ set(wanted))} are missing or too many")
    for name, values in tensors.items():
        if values.shape != wanted[name].shape or values.dtype != torch.float32:
            came = f"{values.dtype} of shape {tuple(values.shape)}"
            raise _refusal(path, f"{name} is {came}, expected torch.float32 of shape {tuple(wanted[name].shape)}")
        if not values.isfinite().all():
            raise _refusal(path, f"{name} has values that are not finite")
    net.load_state_dict(tensors)
    return net.eval()


def _build(path: str | Path, described: dict[str, Any]) -> MapNet:
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
        flt, channels = kind(**chosen), settings.pop("channels")
        if ranges != _ranges(flt):
            raise ValueError(f"it was trained for maps in the ranges {ranges}, this version's are {_ranges(flt)}")
        with torch.device("meta"):  # count before allocating
            parameters = sum(math.prod(p.shape) for p in MapNet(flt, channels, noise=noise, **settings).parameters())
        if 4 * parameters > LARGEST_FILE:
            raise ValueError(f"{parameters} parameters")
        return MapNet(flt, channels, noise=noise, **settings)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _refusal(path, f"its architecture can't be built ({error})") from None


def _refusal(path: str | Path, why: str) -> ValueError:
    return ValueError(f"cannot load '{path}' as weights: {why}")
