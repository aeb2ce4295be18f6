"""What users do: verbs on arrays."""

from typing import Any

import numpy as np
import torch

import pkn
from pkn.bundled import find_net
from pkn.filters import IsotropicGaussian
from pkn.filters._door import check_dtype, check_image, check_mask, to_planes
from pkn.parameter_maps import ParameterMaps

DEFAULT_NET = "bilateral"
FILL_RADIUS = 8


def denoise(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
    channel_axis: int | None = None,
    mask: Any = None,
    dtype: Any = None,
) -> np.ndarray:
    """Denoise an image: a network sets a classical filter's parameters for every pixel, the filter does the rest.

    The same as ``pkn.predict_maps(image, net, ...).apply(image, ...)``, bit for bit.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        uint8 and uint16 are read as fractions of their full range, floats as they are (a noise level of about 0 to 0.2
        is what the networks know). Pixels that are not finite carry no weight.
    net : str, path or MapNet
        A bundled name (``pkn nets`` lists them; grey or RGB is chosen by the channels), a ``.safetensors`` file, or a
        network.
    strength : float or array of shape (H, W)
        0 is the identity, 1 is what the network says, more smooths more.
    sigma : float, optional
        Standard deviation of the noise in image values; estimated from the image by default.
    channel_axis : int, optional
        Axis of the channels; None means that the image is grey.
    mask : bool array of shape (H, W), optional
        Pixels that are False carry no weight.
    dtype : dtype or "same", optional
        Of the result. By default float64 for float64, else float32; "same" rounds and clips to the image's own.

    Returns
    -------
    array of the image's shape

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
    maps = predict_maps(image, net, strength=strength, sigma=sigma, channel_axis=channel_axis, mask=mask)
    return maps.apply(image, mask=mask, dtype=dtype)


def predict_maps(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: float | None = None,
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
    planes = to_planes(image, channel_axis).astype(np.float32, copy=False)
    height, width = planes.shape[2:]
    power = _check_strength(strength, (height, width))
    _check_sigma(sigma)
    valid = np.all(np.isfinite(planes), axis=1, keepdims=False)
    if mask is not None:
        valid = valid & np.asarray(check_mask(mask, height, width))
    network = find_net(net, planes.shape[1])
    values, level = _run(network, planes if valid.all() else _fill(planes, valid), sigma)
    if not (np.ndim(power) == 0 and power == 1):
        values = network.filter.strengthen(values, power)
    provenance = {
        "pkn": pkn.__version__,
        "net": net if isinstance(net, str) else str(getattr(net, "name", net.__class__.__name__)),
        "sigma": level,
        "sigma_given": sigma is not None,
        "strength": float(power) if np.ndim(power) == 0 else "map",
    }
    return ParameterMaps(network.filter, values, channel_axis, provenance)


def _run(network: Any, planes: np.ndarray, sigma: float | None) -> tuple[dict[str, np.ndarray], float]:
    from pkn.nets import estimate_sigma

    with torch.inference_mode():
        tensor = torch.from_numpy(planes)
        level = estimate_sigma(tensor) if sigma is None else torch.tensor([sigma], dtype=torch.float32)
        maps = network(tensor, level)
    values = {}
    for name, array in zip(maps._fields, maps, strict=True):
        each = network.filter.plane_shape(name)
        values[name] = array.numpy().reshape(each + array.shape[-2:])
    return values, float(level)


def _fill(planes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What the network sees where pixels are invalid: a blur of their surroundings, or the mean where that is empty."""
    image = np.moveaxis(planes[0], 0, -1)
    around = IsotropicGaussian(radius=FILL_RADIUS)(image, sigma=FILL_RADIUS / 2, channel_axis=-1, mask=valid[0])
    mean = image[valid[0]].mean(0)
    filled = np.where(valid[0][..., None], image, np.where(np.isnan(around), mean, around))
    return np.ascontiguousarray(np.moveaxis(filled, -1, 0)[None], np.float32)


def _check_strength(strength: Any, size: tuple[int, int]) -> Any:
    power = np.asarray(strength)
    if power.dtype.kind not in "fiu":
        raise TypeError(f"strength has dtype {power.dtype}; expected a number or an array of numbers")
    if power.shape not in ((), size):
        raise ValueError(f"strength has shape {power.shape}; expected a number or the image's {size}")
    if not (power.min() >= 0 and np.isfinite(power).all()):
        came = f"{power}" if power.ndim == 0 else f"an array from {power.min()} to {power.max()}"
        raise ValueError(f"strength is {came}; expected numbers of at least 0")
    return power.astype(np.float32)


def _check_sigma(sigma: Any) -> None:
    if sigma is not None and not (isinstance(sigma, int | float | np.number) and 0 <= sigma < np.inf):
        raise ValueError(f"sigma is {sigma!r}; expected None or a noise level of at least 0 in image values")
