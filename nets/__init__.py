"""Networks that predict the maps of filters, and filters as differentiable functions of torch.

Only :class:`Denoiser`, :class:`MapNet`, :func:`load_net` and :func:`apply_filter` need torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pkn.nets.map_net.architecture import Architecture
from pkn.nets.map_net.noise_level import NoiseCurve, NoiseMap, estimate_sigma
from pkn.nets.map_net.predictor import Predictor, load_predictor
from pkn.nets.weights import read_header

if TYPE_CHECKING:
    from pkn.nets.autograd.function import apply_filter
    from pkn.nets.loading import load
    from pkn.nets.map_net.network import MapNet, load_net
    from pkn.restoration.torch_module import Denoiser

__all__ = [
    "Architecture",
    "Denoiser",
    "MapNet",
    "NoiseCurve",
    "NoiseMap",
    "Predictor",
    "apply_filter",
    "estimate_sigma",
    "load",
    "load_net",
    "load_predictor",
    "read_header",
]

_HOMES = {
    "Denoiser": "pkn.restoration.torch_module",  # from a higher room, by name alone: it estimates noise
    "MapNet": "pkn.nets.map_net.network",
    "apply_filter": "pkn.nets.autograd.function",
    "load": "pkn.nets.loading",
    "load_net": "pkn.nets.map_net.network",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pkn.nets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
