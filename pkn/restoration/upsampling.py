"""Upsampling by anisotropic Gaussians, whose shape a network predicts for every pixel."""

from dataclasses import replace
from typing import Any

import numpy as np

from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import check_dtype
from pkn.filters.upsampling import check_scale
from pkn.restoration.denoising import predict_maps
from pkn.restoration.parameter_maps import ParameterMaps

DEFAULT_NET = "upsample"


def upsample(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    scale: Any = 2,
    strength: Any = 1.0,
    sigma: Any = None,
    channel_axis: int | None = None,
    mask: Any = None,
    dtype: Any = None,
) -> np.ndarray:
    """Enlarge an image, and denoise it in the same step.

    The result is bit-identical to ``upsampling_maps(image, net, scale=scale, ...).apply(image, ...)``, with
    :func:`pkn.restoration.upsampling.upsampling_maps`. Coordinates are those of the pixels' centres, as for
    ``skimage.transform.rescale`` and ``cv2.resize``.

    Parameters
    ----------
    image : array of shape (H, W), or three-dimensional with ``channel_axis``
        uint8 and uint16 are read as fractions of their full range, floats as they are.
    net : str, path or MapNet
        A bundled name, a ``.safetensors`` file, or a network, of an :class:`pkn.filters.AnisotropicUpsampling`.
    scale : number or (rows, columns)
        1 to 8, fractions too. The result has ``round(size * scale)`` pixels along each axis. The bundled networks were
        trained at 2; a kernel's shape, in input pixels, serves any scale.
    strength : float or array of shape (H, W)
        1 is what the network predicts, larger values smooth more, and 0 is nearest-neighbour interpolation.
    sigma, channel_axis, mask, dtype
        As in :func:`pkn.denoise`.

    Returns
    -------
    array of shape (round(H scale), round(W scale)), with the channels along the same axis
        Not clipped, unless ``dtype`` is an integer type.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> rows, columns = np.mgrid[:20, :30]
    >>> image = 0.5 + 0.4 * np.sin(columns / 4) * np.cos(rows / 5)
    >>> large = pkn.upsample(image, scale=1.5, sigma=0.01)
    >>> large.shape
    (30, 45)
    >>> bool(abs(large[15, 22] - image[10, 15]) < 0.05)  # about the same place
    True
    """
    check_dtype(dtype)
    maps = upsampling_maps(
        image, net, scale=scale, strength=strength, sigma=sigma, channel_axis=channel_axis, mask=mask
    )
    return maps.apply(image, mask=mask, dtype=dtype)


def upsampling_maps(image: Any, net: Any = DEFAULT_NET, *, scale: Any = 2, **options: Any) -> ParameterMaps:
    """The parameter maps, of the image's own size, by which :func:`upsample` enlarges it.

    Parameters are those of :func:`upsample`, except for ``dtype``.

    Returns
    -------
    pkn.ParameterMaps

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    scale = check_scale(scale)
    maps = predict_maps(image, net, **options)
    if not isinstance(maps.filter, AnisotropicUpsampling):
        name = type(maps.filter).__name__
        raise ValueError(f"net is {net!r}, of the filter {name}; expected a network of AnisotropicUpsampling")
    return ParameterMaps(replace(maps.filter, scale=scale), dict(maps), maps.channel_axis, maps.provenance)
