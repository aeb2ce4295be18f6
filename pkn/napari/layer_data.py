"""What goes into napari as a layer: data, where it lies and how it looks, after the layer that it was made of."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from pkn.napari.settings import Settings
from pkn.version import __version__

if TYPE_CHECKING:
    from napari.layers import Image

    from pkn.restoration.parameter_maps import ParameterMaps

LayerData = tuple[np.ndarray, dict[str, Any], str]
LEAST_GAMMA = 0.2  # that napari's slider holds


def image_of(layer: "Image") -> Any:
    """The array of a layer; of one with several resolutions, the finest."""
    return layer.data[0] if layer.multiscale else layer.data


def result_layer(layer: "Image", data: np.ndarray, settings: Settings, name: str) -> LayerData:
    """A result of a layer's shape, with its place, units, colours and contrast limits."""
    _, state, kind = layer.as_layer_data_tuple()
    made = {"version": __version__, **asdict(settings)}
    state |= {"name": name, "visible": True, "multiscale": False, "metadata": {**layer.metadata, "pkn": made}}
    state.pop("locked_data_level", None)  # of several resolutions
    return data, state, kind


def part_layer(layer: "Image", data: np.ndarray, start: tuple[int, ...], settings: Settings, name: str) -> LayerData:
    """A denoised part of one plane of a layer; ``start`` is its first pixel there, for all axes."""
    data, state, kind = result_layer(layer, data, settings, name)
    return data[(None,) * (layer.ndim - 2)], state | place(layer, start), kind


def place(layer: "Image", start: tuple[int, ...], step: int = 1) -> dict[str, Any]:
    """Where data lies that begins at a pixel of a layer, if each of its pixels stands for ``step`` x ``step`` of it."""
    from napari.utils.transforms import Affine

    steps, begin = np.ones(layer.ndim), np.array(start, float)
    steps[-2:] = step
    begin[-2:] += (step - 1) / 2  # the middle of the first pixel
    turned = {"rotate": layer.rotate, "shear": layer.shear}
    translate = Affine(scale=layer.scale, translate=layer.translate, **turned)(begin)
    same = {name: getattr(layer, name) for name in ("affine", "units", "axis_labels")}
    return {"scale": layer.scale * steps, "translate": translate, **turned, **same}


class _Drawn(NamedTuple):
    name: str
    values: np.ndarray
    colours: str
    norm: Normalize
    about: dict[str, str]
    step: int


def map_layers(
    layer: "Image", maps: "ParameterMaps", image: np.ndarray | None, index: tuple[int, ...]
) -> list[LayerData]:
    """Maps of one plane of a layer as layers, of which the first is visible.

    Parameters
    ----------
    layer : napari.layers.Image
    maps : pkn.ParameterMaps
    image : array of shape (H, W) or (H, W, 3), or None
        The plane, for maps in plain units; None gives the maps themselves, those of coarser levels with larger pixels.
    index : tuple of int
        Of the plane.
    """
    drawn = _themselves(maps) if image is None else _readable(maps, image)
    made: list[LayerData] = []
    for each in drawn:
        unit = f" [{each.about['unit']}]" if each.about["unit"] else ""
        state = {
            "name": f"{each.name}{unit} of {layer.name}",
            "colormap": each.colours,
            "contrast_limits": (each.norm.vmin, each.norm.vmax),
            "gamma": _gamma(each.norm),
            "visible": not made,
            "metadata": {"pkn": each.about},
            **place(layer, (*index, 0, 0), each.step),
        }
        made.append((each.values[(None,) * len(index)], state, "image"))
    return made


def _readable(maps: "ParameterMaps", image: np.ndarray) -> list[_Drawn]:
    from pkn.plotting.colours import colours_of

    return [
        _Drawn(name, each.values, *colours_of(each), {"unit": each.unit, "meaning": each.meaning}, 1)
        for name, each in maps.readable(image).items()
    ]


def _themselves(maps: "ParameterMaps") -> list[_Drawn]:
    from pkn.plotting.maps import own_colours

    found, level_of = [], getattr(maps.filter, "level_of", lambda name: 0)
    for name, values in maps.items():
        limits, several = maps.ranges[name], values.shape[:-2]
        about = {"unit": limits.unit, "meaning": limits.meaning}
        for plane in np.ndindex(several):
            title = f"{name}{list(plane)}" if several else name
            found.append(_Drawn(title, *own_colours(values[plane], limits), about, 2 ** level_of(name)))
    return found


def _gamma(norm: Normalize) -> float:
    """Brings the middle of a logarithmic range to the middle of the colours; napari has no logarithmic ones."""
    if not isinstance(norm, LogNorm):
        return 1.0
    low, high = norm.vmin, norm.vmax
    assert low is not None
    assert high is not None
    middle = ((low * high) ** 0.5 - low) / (high - low)
    return float(max(LEAST_GAMMA, np.log(0.5) / np.log(middle)))
