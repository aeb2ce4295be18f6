"""The weights that Kadkhodaie et al. 2023 published: state dicts of torch in ``model.pt``, checked before use."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.io.atomic import atomic_path
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
from pkn.nets.registry import to_config
from pkn.nets.weights import LARGEST_FILE, to_bytes
from pkn.version import __version__

SOURCE = {
    "source": "Kadkhodaie, Guth, Mallat & Simoncelli 2023, arXiv 2303.02984",
    "licence": "MIT, LabForComputationalVision",
}
PREFIX = "module."  # from torch's DataParallel


def load_published(path: str | Path) -> BiasFreeCNN:
    """Read one of the authors' ``model.pt`` files; the shapes of its weights determine the architecture.

    Raises
    ------
    ValueError
        If the file is too large or not one of theirs: a name is missing or unknown, a shape doesn't fit, a value isn't
        finite, or a running standard deviation isn't positive.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the file can't be opened.
    """
    state = _read(Path(path))
    try:
        with torch.device("meta"):
            net = BiasFreeCNN(_settings(state))
        if extra := sorted(state.keys() - net.state_dict().keys()):
            raise ValueError(f"{extra[0]} is too many")
        for name, wanted in net.state_dict().items():
            _check(name, state.get(name), wanted)  # before anything is copied, for a view can claim any shape
        net.load_state_dict({name: values.clone() for name, values in state.items()}, assign=True)
    except (ValueError, RuntimeError) as error:
        raise _refusal(path, error) from None
    return net.eval()


def convert_published(path: str | Path, out: str | Path) -> None:
    """Convert one of the authors' files to a weights file that :func:`pkn.nets.registry.load_restorer` reads.

    Raises
    ------
    ValueError, FileNotFoundError
        As :func:`load_published`.
    """
    net = load_published(path)
    about = {**SOURCE, "file": "/".join(Path(path).absolute().parts[-3:]), "pkn": __version__}
    arrays: dict[str, np.ndarray] = {name: values.numpy() for name, values in net.state_dict().items()}
    with atomic_path(out) as temporary:
        temporary.write_bytes(to_bytes(to_config(net), arrays, about))


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors, renamed as in :class:`pkn.nets.models.bias_free_cnn.BiasFreeCNN`."""
    with path.open("rb") as file:  # raises the right error for a missing file
        size = path.stat().st_size
        if zipfile.is_zipfile(file):
            size = max(size, _unpacked(path, file))
    if size > LARGEST_FILE:
        raise _refusal(path, f"{size} bytes, expected at most {LARGEST_FILE}")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile file can make the unpickler raise any exception
        raise _refusal(path, f"no state dict ({type(error).__name__})") from None
    if not isinstance(loaded, Mapping):
        raise _refusal(path, f"{type(loaded).__name__}, expected a state dict")
    renamed = {_name(path, key): _plain(path, key, values) for key, values in loaded.items()}
    if len(renamed) < len(loaded):
        raise _refusal(path, "names come twice")
    return renamed


def _unpacked(path: Path, file: Any) -> int:
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _refusal(path, error) from None


def _name(path: Path, key: Any) -> str:
    """Rename ``conv_layers.3.weight`` to ``layers.3.weight``, ``BN_layers.3.gammas`` to ``norms.3.gain``."""
    parts = key.removeprefix(PREFIX).split(".") if isinstance(key, str) else []
    match parts:
        case ["conv_layers", number, "weight"]:
            return f"layers.{number}.weight"
        case ["BN_layers", number, "gammas"]:
            return f"norms.{number}.gain"
        case ["BN_layers", number, "running_sd"]:
            return f"norms.{number}.deviation"
    raise _refusal(path, f"{key!r} is no name of theirs")


def _plain(path: Path, key: str, values: Any) -> Tensor:
    if not isinstance(values, Tensor) or values.layout != torch.strided or values.dtype != torch.float32:
        came = f"{values.dtype}, {values.layout}" if isinstance(values, Tensor) else type(values).__name__
        raise _refusal(path, f"{key} is {came}, expected a plain tensor of float32")
    plain: Tensor = values.detach()
    of_channels = plain.ndim == 4 and plain.shape[0] == 1 and plain.shape[2:] == (1, 1)
    return plain[0, :, 0, 0] if of_channels and "BN_layers" in key else plain


def _settings(state: dict[str, Tensor]) -> BiasFreeSettings:
    number = sum(name.startswith("layers.") for name in state)
    layers = [state.get(f"layers.{i}.weight") for i in range(number)]
    if number < 2 or any(layer is None or layer.ndim != 4 for layer in layers):
        raise ValueError("conv_layers are not numbered from 0, two or more, with weights of 4 dimensions")
    shapes = [tuple(layer.shape) for layer in layers if layer is not None]
    return BiasFreeSettings(shapes[0][1], shapes[-1][0], shapes[0][0], tuple(shape[2] for shape in shapes))


def _check(name: str, values: Tensor | None, wanted: Tensor) -> None:
    if values is None:
        raise ValueError(f"{name} is missing")
    if values.shape != wanted.shape:
        raise ValueError(f"{name} has shape {tuple(values.shape)}, expected {tuple(wanted.shape)}")
    if not bool(values.isfinite().all()):
        raise ValueError(f"{name} has values that are not finite")
    if name.endswith("deviation") and not bool((values > 0).all()):
        raise ValueError(f"{name} has values that are not positive")


def _refusal(path: str | Path, why: object) -> ValueError:
    return ValueError(f"cannot load '{path}' as a published denoiser: {' '.join(str(why).split())}")
