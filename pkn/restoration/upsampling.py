"""Upsampling by anisotropic Gaussians, whose shape a network predicts for every pixel, of an image partly denoised."""

from dataclasses import replace
from typing import Any

import numpy as np

from pkn.filters import AnisotropicUpsampling
from pkn.filters.arrays import check_dtype, check_image, planar, target_dtype
from pkn.filters.upsampling import check_scale
from pkn.pretrained import find_net
from pkn.restoration.arguments import known_noise
from pkn.restoration.denoising import DEFAULT_NET as DENOISER
from pkn.restoration.denoising import predict_maps
from pkn.restoration.first_stage import Shares, partly_denoised
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps

DEFAULT_NET = "upsample"
# On photographs of train/bsds432 with white noise of 1 to 50/255 this is within 0.05 dB of the best shares and levels
# found for each noise level by itself.
SHARES = Shares(half=6 / 255, left=10 / 255)


def upsample(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    scale: Any = 2,
    strength: Any = 1.0,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    denoiser: Any = DENOISER,
    channel_axis: int | None = None,
    mask: Any = None,
    dtype: Any = None,
) -> np.ndarray:
    """Enlarge an image, and denoise it.

    The more noise, the more of it is taken before (:func:`pkn.restoration.first_stage.partly_denoised`), and the less
    is left to the kernels that enlarge: the result is bit-identical to
    ``upsampling_maps(given, net, scale=scale, sigma=left, ...).apply(given, ...)`` with ``given, left =
    partly_denoised(image, SHARES, ...)``. Coordinates are those of the pixels' centres, as for
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
    denoiser : str, path or MapNet, optional
        The network that takes noise before. None leaves all to the kernels that enlarge, which know white noise alone:
        a single filter, whose maps are ``upsampling_maps(image, ...)``.
    sigma, noise, channel_axis, mask, dtype
        As in :func:`pkn.denoise`. Where neither ``sigma`` nor ``noise`` is given, noise counts as white in how much of
        it is taken before: give a camera's, ``noise=pkn.estimate_noise(image, ...)``.

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
    check_scale(scale)
    _filter_of(net, image, channel_axis)  # before the work
    options = {"strength": strength, "channel_axis": channel_axis, "mask": mask}
    own = target_dtype(dtype, np.asarray(image).dtype)
    given, left = image, known_noise(sigma, noise)
    if denoiser is not None:
        given, left = partly_denoised(image, SHARES, denoiser, sigma=sigma, noise=noise, **options)
    known = {"noise" if isinstance(left, NoiseProfile) else "sigma": left}
    return upsampling_maps(given, net, scale=scale, **known, **options).apply(given, mask=mask, dtype=own)


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
    flt = _filter_of(net, image, options.get("channel_axis"))
    maps = predict_maps(image, net, **options)
    return ParameterMaps(replace(flt, scale=scale), dict(maps), maps.channel_axis, maps.provenance)


def _filter_of(net: Any, image: Any, channel_axis: int | None) -> AnisotropicUpsampling:
    """The filter of a network for the image, if it enlarges it."""
    flt = find_net(net, planar(check_image(image, channel_axis), channel_axis).shape[0]).filter
    if not isinstance(flt, AnisotropicUpsampling):
        name = type(flt).__name__
        raise ValueError(f"net is {net!r}, of the filter {name}; expected a network of AnisotropicUpsampling")
    return flt
