"""Restorers (networks that predict a clean image) by name: their configuration, building and loading."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings
from pkn.nets.models.int8 import unpack
from pkn.nets.models.kernel_predicting import KernelPredictingNet, KernelPredictingSettings
from pkn.nets.models.unet import UNet, UNetSettings
from pkn.nets.models.wavelet_kernels import BandKernels, BandKernelSettings
from pkn.nets.weights import read_header, read_tensors

LARGEST_FILE = 256 << 20  # the published U-Net has 114 MB
LARGEST_SETTING = 4096
_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "BandKernels": lambda **settings: BandKernels(BandKernelSettings(**settings)),
    "BiasFreeCNN": lambda **settings: BiasFreeCNN(BiasFreeSettings(**settings)),
    "KernelPredictingNet": lambda **settings: KernelPredictingNet(_kernel_predicting(**settings)),
    "UNet": lambda **settings: UNet(UNetSettings(**settings)),
}


def to_config(net: Any) -> dict[str, Any]:
    """Return the configuration of a restorer, for the header of its weights file; :func:`build_restorer` inverts it.

    Parameters
    ----------
    net : BandKernels, BiasFreeCNN, KernelPredictingNet or UNet

    Returns
    -------
    dict
        ``"network"``, the name of the class, and its settings, in types that JSON can represent.
    """
    return {"network": type(net).__name__, **json.loads(json.dumps(asdict(net.settings)))}


def build_restorer(architecture: Mapping[str, Any]) -> nn.Module:
    """Build a restorer with random weights from its configuration, as :func:`to_config` returns it.

    Raises
    ------
    KeyError, TypeError, ValueError
        If the network is unknown, or its settings are.
    """
    settings = dict(architecture)
    if any(isinstance(n, int) and not 0 <= n <= LARGEST_SETTING for n in _numbers(settings)):
        raise ValueError(f"settings are {settings}; expected numbers from 0 to {LARGEST_SETTING}")
    return _BUILDERS[settings.pop("network")](**settings)


def _kernel_predicting(guiding: dict[str, Any] | None = None, **settings: Any) -> KernelPredictingSettings:
    worse = None if guiding is None else KernelPredictingSettings(**guiding)
    return KernelPredictingSettings(**settings, guiding=worse)


def _numbers(value: Any) -> list[Any]:
    """All that lists and objects hold."""
    parts = value.values() if isinstance(value, dict) else value
    return [n for part in parts for n in _numbers(part)] if isinstance(value, dict | list | tuple) else [value]


def load_restorer(path: str | Path) -> Any:
    """Read a restorer from a ``.safetensors`` file.

    Raises
    ------
    ValueError
        If the file is no restorer, or a weight is missing, unexpected, of another shape or not finite.
    FileNotFoundError
    """
    return restorer_with(path, read_header(path)["architecture"], read_tensors(path, LARGEST_FILE))


def restorer_with(path: str | Path, architecture: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> Any:
    """Build a restorer with the weights that were read from ``path``, in int8 or floats; errors name the file.

    Raises
    ------
    ValueError
        As :func:`load_restorer`.
    """
    try:
        net = build_restorer(architecture)
        state = {name: torch.from_numpy(values.astype(np.float32)) for name, values in unpack(tensors).items()}
        net.load_state_dict(state)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise ValueError(f"cannot load '{path}' as a restorer: {' '.join(str(error).split())}") from None
    if not all(bool(values.isfinite().all()) for values in state.values()):
        raise ValueError(f"cannot load '{path}' as a restorer: a weight is not finite; expected finite ones")
    return net.eval()
