"""What users do: verbs on arrays."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import (
    all_finite,
    check_dtype,
    check_image,
    check_mask,
    from_planes,
    planar,
    rounded,
    target_dtype,
    to_floats,
    to_planes,
)
from pkn.pretrained import find_net
from pkn.restoration.arguments import check_sigma, check_strength, fill_gaps
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.stacks import denoise_dask, denoise_stack, is_dask, order_of
from pkn.version import __version__

if TYPE_CHECKING:
    from pkn.nets import Predictor

DEFAULT_NET = "pyramid"


def denoise(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    channel_axis: int | None = None,
    stack_axes: int | Sequence[int] = (),
    mask: Any = None,
    dtype: Any = None,
) -> Any:
    """Denoise an image: a network sets a classical filter's parameters for every pixel, the filter does the rest.

    The same as ``pkn.predict_maps(image, net, ...).apply(image, ...)``, bit for bit, but in little memory.

    Parameters
    ----------
    image : array of shape (H, W), and channels and stacks where ``channel_axis`` and ``stack_axes`` say
        uint8 and uint16 are read as fractions of their full range, floats as they are (a noise level of about 0 to 0.2
        is what the networks know). Pixels that are not finite carry no weight. A Dask array (of finite values, with
        ``strength`` and ``sigma`` numbers and no mask) gives a Dask array: nothing is computed yet.
    net : str, path or MapNet
        A bundled name (``pkn nets`` lists them; grey or RGB is chosen by the channels), a ``.safetensors`` file, or a
        network.
    strength : float or array of shape (H, W)
        0 is the identity, 1 is what the network says, more smooths more.
    sigma : float or array of shape (H, W), optional
        Standard deviation of the noise in image values, or at each pixel; estimated from the image by default.
    channel_axis : int, optional
        Axis of the channels; None means that the image is grey.
    stack_axes : int or sequence of int, optional
        Axes along which images are stacked, such as time or depth; each image is denoised by itself.
    mask : bool array of shape (H, W), optional
        Pixels that are False carry no weight.
    dtype : dtype or "same", optional
        Of the result. By default float64 for float64, else float32; "same" rounds and clips to the image's own.

    Returns
    -------
    array of the image's shape, NumPy's or Dask's as the image is

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import pkn
    >>> from skimage import data
    >>> pkn.denoise(data.astronaut(), channel_axis=-1, dtype="same").shape    # doctest: +SKIP
    (512, 512, 3)
    """
    check_dtype(dtype)
    if is_dask(image) or not (isinstance(stack_axes, Sequence) and len(stack_axes) == 0):
        options = {"strength": strength, "sigma": sigma, "mask": mask, "dtype": dtype}
        return _denoise_stack(image, net, channel_axis, stack_axes, options)
    image = check_image(image, channel_axis)
    network = _filtering_net(net, planar(image, channel_axis).shape[0])
    plain = np.ndim(strength) == 0 and np.ndim(sigma) == 0 and mask is None and network.noise == "white"
    if plain and image.dtype != np.float64 and all_finite(image):
        return _denoise_by_tiles(image, network, strength, sigma, channel_axis, dtype)
    values, _ = _predict(image, network, strength, sigma, channel_axis, mask)
    planes = to_planes(image, channel_axis)
    arrays = (array.astype(planes.dtype, copy=False) for array in values.values())
    maps = network.filter.Maps(*(array.reshape(1, -1, *array.shape[-2:]) for array in arrays))
    out, _ = network.filter.forward(planes, maps, check_mask(mask, *planes.shape[2:]), keep=False)
    return from_planes(out, channel_axis, dtype, image.dtype)


def _denoise_stack(
    image: Any, net: Any, channel_axis: int | None, stack_axes: int | Sequence[int], options: dict[str, Any]
) -> Any:
    image = image if is_dask(image) else np.asarray(image)
    order, colour = order_of(image.ndim, channel_axis, stack_axes), channel_axis is not None
    if not is_dask(image):
        return denoise_stack(image, order, colour, options["dtype"], partial(denoise, net=net, **options))
    network = _filtering_net(net, image.shape[channel_axis] if channel_axis is not None else 1)
    if options.pop("mask") is not None or np.ndim(options["strength"]) or np.ndim(options["sigma"]):
        raise TypeError("a mask or a map was given for a Dask array; expected strength and sigma as numbers, no mask")
    if network.noise != "white" and options["sigma"] is None:
        raise ValueError(f"net is {net!r}, whose noise level is a map; expected a network for white noise, or sigma")
    return denoise_dask(image, order, colour, network=network, **options)


def _filtering_net(net: Any, channels: int) -> "Predictor":
    network = find_net(net, channels)
    if isinstance(network.filter, AnisotropicUpsampling):
        raise ValueError(f"net is {net!r}, which enlarges images; expected one that filters them, or pkn.upsample")
    return network


def _denoise_by_tiles(
    image: np.ndarray, network: "Predictor", strength: Any, sigma: Any, channel_axis: int | None, dtype: Any
) -> np.ndarray:
    """The same bits in little memory, for images without gaps: neither floats nor maps of the whole are ever held."""
    from pkn.nets.map_net.tiling import filter_by_tiles

    power, given = float(check_strength(strength)), check_sigma(sigma)
    seen = planar(image, channel_axis)
    result = np.empty(image.shape, target_dtype(dtype, image.dtype))
    target = planar(result, channel_axis)
    level = _noise_level(network, seen[None]) if given is None else given

    def write(part: tuple[slice, slice], values: np.ndarray) -> None:
        target[:, *part] = rounded(values, result.dtype)

    filter_by_tiles(
        network,
        lambda part: to_floats(seen[:, *part]).astype(np.float32, copy=False),
        (seen.shape[1], seen.shape[2]),
        level,
        power,
        write,
    )
    return result


def predict_maps(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    channel_axis: int | None = None,
    mask: Any = None,
) -> ParameterMaps:
    """The parameter maps that a network sets for an image; parameters as in :func:`denoise`.

    Returns
    -------
    ParameterMaps
        Named maps with filter, units and provenance; ``apply`` them, edit them, save them, plot them.
    """
    image = check_image(image, channel_axis)
    network = find_net(net, planar(image, channel_axis).shape[0])
    values, level = _predict(image, network, strength, sigma, channel_axis, mask)
    provenance = {
        "pkn": __version__,
        "net": net if isinstance(net, str) else str(getattr(net, "name", net.__class__.__name__)),
        "sigma": level,
        "sigma_given": sigma is not None,
        "strength": float(strength) if np.ndim(strength) == 0 else "map",
    }
    return ParameterMaps(network.filter, values, channel_axis, provenance)


def _predict(
    image: np.ndarray, network: "Predictor", strength: Any, sigma: Any, channel_axis: int | None, mask: Any
) -> tuple[dict[str, np.ndarray], float]:
    """The network's maps by name in their order, with the user's strength; and the mean noise level it was told."""
    planes = to_planes(image, channel_axis).astype(np.float32, copy=False)
    size = planes.shape[2:]
    power, given = check_strength(strength, size), check_sigma(sigma, size)
    valid = np.all(np.isfinite(planes), axis=1)
    if mask is not None:
        valid &= np.asarray(check_mask(mask, *size))
    seen = planes if valid.all() else fill_gaps(planes, valid)
    level = _noise_level(network, seen) if given is None else given
    each = network.filter.plane_shape
    maps = network(seen, level)._asdict()
    values = {name: array.reshape(each(name) + array.shape[-2:]) for name, array in maps.items()}
    if not (np.ndim(power) == 0 and power == 1):
        values = network.filter.strengthen(values, power)
    return values, float(level.mean())


def _noise_level(network: Any, planes: np.ndarray) -> np.ndarray:
    """As the network was trained: one level (1,), or for a camera's noise a map (1, 1, H, W)."""
    from pkn.nets import estimate_sigma
    from pkn.restoration.noise_estimation import SMALLEST, estimate_noise

    if network.noise == "white" or min(planes.shape[2:]) < SMALLEST:
        return estimate_sigma(planes)
    return estimate_noise(planes[0], channel_axis=0).sigma_map[None, None]
