"""One call for one layer, as scripts and napari's generated widgets use it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pkn.napari.layer_blocks import denoise_blocks, last
from pkn.napari.layer_data import image_of, result_layer
from pkn.napari.settings import Settings, noise_of, strength_of
from pkn.restoration.denoising import DEFAULT_NET

if TYPE_CHECKING:
    import napari.layers
    import napari.types


def denoise_layer(
    layer: "napari.layers.Image",
    net: str = DEFAULT_NET,
    luma: float = 1.0,
    chroma: float = 1.0,
    noise: Literal["estimated", "sigma", "profile"] = "estimated",
    sigma: float = 0.1,
    profile: Path = Path(),
    third_axis: Literal["stack", "time", "depth"] = "stack",
) -> "napari.types.LayerDataTuple":
    """Denoise a layer of napari; place, units, colours and contrast limits stay.

    Parameters
    ----------
    layer : napari.layers.Image
        Grey or RGB, of any number of axes, the last two (before channels) rows and columns. Of several resolutions the
        finest is taken; alpha stays as it is.
    net : str
        A bundled name, or the path of a ``.safetensors`` file.
    luma, chroma : float
        Strength: 0 is the identity, 1 is what the network says. Grey layers, and networks that have one strength, take
        that of luma.
    noise : {"estimated", "sigma", "profile"}
        Where the noise is known from: each plane itself, or one of the two next.
    sigma : float
        Standard deviation of white noise in the layer's values: of 0 to 255 for uint8.
    profile : path
        Of a saved :class:`pkn.NoiseProfile`.
    third_axis : {"stack", "time", "depth"}
        Whether planes are denoised each by itself, or together along the first axis, time, or the last before rows and
        columns, depth.

    Returns
    -------
    napari.types.LayerDataTuple
        Data of the layer's shape and dtype, the attributes of a layer, and "image": ``viewer._add_layer_from_data``
        and ``napari.layers.Layer.create`` take it.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    As in napari: ``napari.layers.Layer.create(*denoise_layer(viewer.layers["cells"]))``.
    """
    strength = strength_of(net, layer.rgb, luma, chroma)
    settings = Settings(net, strength, noise_of(noise, sigma, profile), third_axis)
    data = last(denoise_blocks(image_of(layer), settings, layer.rgb))
    return result_layer(layer, data, settings, f"{layer.name} denoised")
