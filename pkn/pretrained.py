"""The networks that are bundled with the package, and the lookup of a user's ``net``."""

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
    """The folder of the bundled weights, which are named ``<net>-<grey or rgb>.safetensors``."""
    return Path(str(files("pkn"))) / "weights"


def bundled_names() -> list[str]:
    """Names of the bundled networks, as ``net=`` takes them."""
    return sorted({path.stem.rpartition("-")[0] for path in weights_folder().glob("*.safetensors")})


def find_net(net: Any, channels: int) -> "Predictor":
    """The predictor of a network for images of a number of channels.

    Parameters
    ----------
    net : str, path, MapNet or Predictor
        A bundled name, a ``.safetensors`` file, or a network.
    channels : int
        Of the image.

    Returns
    -------
    pkn.nets.Predictor

    Raises
    ------
    ValueError
        For an unknown name (similar ones are suggested), a damaged file, or a network for other channels.
    TypeError
        If ``net`` is of another type.
    """
    from pkn.nets import Predictor

    if isinstance(net, Predictor):
        predictor = net
    elif is_map_net(net):
        from pkn.nets.map_net.network import weights_of

        predictor = Predictor(net.architecture, weights_of(net))
    else:
        predictor = _load(_path_of(net, channels))
    if predictor.channels != channels:
        raise _wrong_channels(channels, f"{predictor.channels} for the network {net!r}")
    return predictor


def _wrong_channels(channels: int, expected: str) -> ValueError:
    """The error for channels that a network isn't for; it says what to do with those that aren't RGB."""
    alpha = "leave out the alpha of RGBA, image[..., :3]; " if channels == 4 else ""
    each = f"{alpha}channels that aren't R, G and B pkn.denoise takes one by one, stack_axes=-1 for channel_axis=-1"
    return ValueError(f"image has {channels} channels; expected {expected}" + (f" ({each})" if channels > 1 else ""))


def is_map_net(net: Any) -> bool:
    """Whether ``net`` is a PyTorch network of parameter maps; PyTorch is not imported to find out."""
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
        raise _wrong_channels(channels, "1 or 3 for the bundled networks")
    path = weights_folder() / f"{net}-{COLOURS[channels]}.safetensors"
    if not path.exists():
        each = ", or channels one by one, stack_axes=-1 for channel_axis=-1" if channels == 3 else ""
        raise ValueError(f"net is {str(net)!r}; expected one for {COLOURS[channels]} images (see pkn nets){each}")
    return path


def unknown_name(argument: str, name: str, names: list[str]) -> ValueError:
    """The error for a name that isn't bundled; it suggests similar names."""
    similar = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, similar))}?" if similar else ""
    return ValueError(f"{argument} is {name!r}; expected one of {', '.join(names)} or a .safetensors path{hint}")


def bundled_path(model: str | Path, folder: str) -> Path:
    """The path of a restorer's weights: ``model`` itself, if it ends in ``.safetensors``, or that of a bundled one.

    Parameters
    ----------
    model : str or path
        A path or a bundled name.
    folder : str
        Name of the folder below the bundled weights.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        For an unknown name; similar ones are suggested.
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
