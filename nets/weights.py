"""Weights files: safetensors with a JSON header. All that is read is checked, and nothing is ever unpickled."""

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
    """Serialise tensors to a weights file, with their ``architecture`` and ``about`` (how they were made) as JSON."""
    header = {"architecture": architecture, "about": about}
    return serialise(
        {name: np.ascontiguousarray(values) for name, values in tensors.items()}, {"pkn": json.dumps(header)}
    )


def to_config(architecture: Architecture) -> dict[str, Any]:
    """Return the configuration of a :class:`pkn.nets.MapNet` for the header of its weights file.

    (The configuration of restorers is that of :func:`pkn.nets.registry.to_config`.)

    Returns
    -------
    dict
        ``"network"``, ``"filter"``, ``"ranges"`` of its maps, ``"channels"`` and the other settings, for JSON.
    """
    flt = architecture.filter
    return {
        "network": "MapNet",
        "filter": {"name": type(flt).__name__, **_settings(flt)},
        "ranges": _ranges(flt),
        "channels": architecture.channels,
        **architecture.settings,
    }


def _settings(flt: Filter) -> dict[str, Any]:
    """Without those of stacks, if the filter has none; a stack's spacing is the user's, not the network's."""
    left_out = {"spacing"} if flt.radius_z else {"spacing", "radius_z", "border_z", "causal"}
    return {name: value for name, value in asdict(flt).items() if name not in left_out}


def _ranges(flt: Filter) -> dict[str, list[float]]:
    return {name: [limits.low, limits.high] for name, limits in flt.ranges.items()}


def read_header(path: str | Path) -> dict[str, Any]:
    """Read the header of a weights file, ``{"architecture": ..., "about": ...}``, without its tensors.

    Parameters
    ----------
    path : str or Path
        A ``.safetensors`` file.

    Raises
    ------
    ValueError
        If the file is no weights file of the package.
    FileNotFoundError, IsADirectoryError

    Examples
    --------
    >>> from pkn.nets import read_header
    >>> from pkn.pretrained import weights_folder
    >>> read_header(weights_folder() / "bilateral-grey.safetensors")["architecture"]["filter"]
    {'name': 'Bilateral', 'radius': 7, 'border': 'reflect'}
    """
    with Path(path).open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= LARGEST_HEADER:
            raise _refusal(path, f"the header's size is {size} bytes; expected 2 to {LARGEST_HEADER}")
        text = file.read(size)
    try:
        header = json.loads(json.loads(text)["__metadata__"]["pkn"])
        if not all(isinstance(header[part], dict) for part in ("architecture", "about")):
            raise TypeError("architecture or about is not an object; expected both as JSON objects")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refusal(path, f"the header is not that of a pkn network ({error!r})") from None
    return dict(header)


def read_tensors(path: str | Path, largest: int = LARGEST_FILE) -> dict[str, np.ndarray]:
    """Read all tensors of a safetensors file of at most ``largest`` bytes.

    Raises
    ------
    ValueError
        If the file is larger, or no safetensors file.
    """
    size = Path(path).stat().st_size
    if size > largest:
        raise _refusal(path, f"the file has {size} bytes; expected at most {largest}")
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
    missing, unexpected = sorted(set(wanted) - set(tensors)), sorted(set(tensors) - set(wanted))
    if missing or unexpected:
        raise _refusal(
            path, f"tensors {missing} are missing and {unexpected} unexpected; expected those of {architecture}"
        )
    for name, values in tensors.items():
        if values.shape != wanted[name] or values.dtype != np.float32:
            expected = f"float32 of shape {wanted[name]}"
            raise _refusal(path, f"{name} is {values.dtype} of shape {values.shape}; expected {expected}")
        if not np.isfinite(values).all():
            raise _refusal(path, f"{name} has values that are not finite; expected finite ones")
    return architecture, tensors


def _build(path: str | Path, config: dict[str, Any]) -> Architecture:
    try:
        settings = dict(config)
        if settings.pop("network") != "MapNet":
            raise ValueError(f"network is {config['network']!r}; expected 'MapNet'")
        options = dict(settings.pop("filter"))
        cls = {cls.__name__: cls for cls in FILTERS}[options.pop("name")]
        ranges, noise = settings.pop("ranges"), settings.pop("noise")
        numbers = [*settings.values(), *(v for v in options.values() if not isinstance(v, str))]
        if not all(isinstance(v, int) and 0 <= v <= LARGEST_SETTING for v in numbers):
            raise ValueError(f"settings are {numbers}; expected whole numbers from 0 to {LARGEST_SETTING}")
        flt = cls(**options)
        if ranges != _ranges(flt):
            raise ValueError(f"ranges are {ranges}; expected those of this version, {_ranges(flt)}")
        architecture = Architecture(flt, noise=noise, **settings)
        if 4 * architecture.parameters > LARGEST_FILE:
            raise ValueError(f"parameters are {architecture.parameters}; expected at most {LARGEST_FILE // 4}")
        return architecture
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise _refusal(path, f"its architecture can't be built ({error})") from None


def _refusal(path: str | Path, why: str) -> ValueError:
    return ValueError(f"cannot load '{path}' as weights: {why}")
