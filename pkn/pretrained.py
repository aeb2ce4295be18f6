"""The networks that come with the package, and how a user's ``net`` is found."""

import difflib
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pkn.nets import Predictor

COLOURS = {1: "grey", 3: "rgb"}
_loaded: dict[tuple[str, float], "Predictor"] = {}


def weights_folder() -> Path:
    """Where the bundled weights stand, named ``<net>-<grey or rgb>.safetensors``."""
    return Path(str(files("pkn"))) / "weights"


def bundled_names() -> list[str]:
    """Names that ``net=`` takes."""
    return sorted({path.stem.rpartition("-")[0] for path in weights_folder().glob("*.safetensors")})


def find_net(net: Any, channels: int) -> "Predictor":
    """The network for an image of so many channels.

    Parameters
    ----------
    net : str, path, MapNet or Predictor
        A bundled name, a ``.safetensors`` file, or a network.
    channels : int

    Raises
    ------
    ValueError
        For an unknown name (with near misses), a bad file, or a network for other channels.
    """
    from pkn.nets import Predictor

    if isinstance(net, Predictor):
        found = net
    elif is_map_net(net):
        from pkn.nets.map_net.network import weights_of

        found = Predictor(net.architecture, weights_of(net))
    else:
        found = _load(_path_of(net, channels))
    if found.channels != channels:
        raise ValueError(f"image has {channels} channels; expected {found.channels} for the network {net!r}")
    return found


def is_map_net(net: Any) -> bool:
    """Whether ``net`` is a network in torch; asked without loading torch."""
    module = sys.modules.get("pkn.nets.map_net.network")
    return module is not None and isinstance(net, module.MapNet)


def _path_of(net: Any, channels: int) -> Path:
    if not isinstance(net, str | Path):
        raise TypeError(f"net is {type(net).__name__}; expected a bundled name, a .safetensors path or a MapNet")
    if str(net).endswith(".safetensors"):
        return Path(net)
    names = bundled_names()
    if str(net) not in names:
        raise unknown_name("net", str(net), names)
    if channels not in COLOURS:
        raise ValueError(f"image has {channels} channels; expected 1 or 3 for the bundled networks")
    path = weights_folder() / f"{net}-{COLOURS[channels]}.safetensors"
    if not path.exists():
        raise ValueError(f"net is {str(net)!r}; expected one for {COLOURS[channels]} images (see pkn nets)")
    return path


def unknown_name(argument: str, name: str, names: list[str]) -> ValueError:
    """The error for a name that none of the bundled files has, with near misses."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(f"{argument} is {name!r}; expected one of {', '.join(names)} or a .safetensors path{hint}")


def bundled_path(model: str | Path, folder: str) -> Path:
    """A ``.safetensors`` path as it is, or where the weights of a bundled restorer stand.

    Raises
    ------
    ValueError
        For an unknown name, with near misses.
    """
    if str(model).endswith(".safetensors"):
        return Path(model)
    paths = {path.stem: path for path in (weights_folder() / folder).glob("*.safetensors")}
    if str(model) not in paths:
        raise unknown_name("model", str(model), sorted(paths))
    return paths[str(model)]


def _load(path: Path) -> "Predictor":
    from pkn.nets import load_predictor

    key = (str(path.resolve()), path.stat().st_mtime)
    if key not in _loaded:
        _loaded[key] = load_predictor(path)
    return _loaded[key]
