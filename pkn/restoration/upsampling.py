"""Enlarging images: a network shapes an anisotropic Gaussian at every pixel, which are gathered on a finer grid."""

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
    """Enlarge an image, and denoise it on the way.

    The same as ``pkn.upsampling_maps(image, net, scale=scale, ...).apply(image, ...)``, bit for bit. Pixels are squares
    of which coordinates name the centres, as for ``skimage.transform.rescale`` and ``cv2.resize``.

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
        1 is what the network says, more smooths more; 0 is the nearest neighbour.
    sigma, channel_axis, mask, dtype
        As in :func:`pkn.denoise`.

    Returns
    -------
    array of shape (round(H scale), round(W scale)), and the channels where they were

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    check_dtype(dtype)
    maps = upsampling_maps(
        image, net, scale=scale, strength=strength, sigma=sigma, channel_axis=channel_axis, mask=mask
    )
    return maps.apply(image, mask=mask, dtype=dtype)


def upsampling_maps(image: Any, net: Any = DEFAULT_NET, *, scale: Any = 2, **options: Any) -> ParameterMaps:
    """The parameter maps, of the image's own size, by which :func:`upsample` enlarges it; see there."""
    scale = check_scale(scale)
    maps = predict_maps(image, net, **options)
    if not isinstance(maps.filter, AnisotropicUpsampling):
        name = type(maps.filter).__name__
        raise ValueError(f"net is {net!r}, of the filter {name}; expected a network of AnisotropicUpsampling")
    return ParameterMaps(replace(maps.filter, scale=scale), dict(maps), maps.channel_axis, maps.provenance)
