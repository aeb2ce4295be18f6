"""What users do most: denoise an image, and the maps that a network sets for it."""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from pkn.filters.arrays import (
    FULL_RANGE,
    as_array,
    check_dtype,
    check_image,
    native,
    planar,
    rounded,
    target_dtype,
    to_planes,
)
from pkn.pretrained import find_net
from pkn.restoration.arguments import check_strength, is_map, known_noise
from pkn.restoration.noise_profile import NoiseProfile
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.restoration.planes import denoise_planes, filtering_net, predict_values
from pkn.restoration.sequences import NEIGHBOURS, series_of
from pkn.restoration.stacks import denoise_dask, is_dask, order_of
from pkn.version import __version__

DEFAULT_NET = "any-noise"


@overload
def denoise(
    image: np.ndarray,
    net: Any = ...,
    *,
    strength: Any = ...,
    sigma: Any = ...,
    noise: NoiseProfile | None = ...,
    channel_axis: int | None = ...,
    stack_axes: int | Sequence[int] = ...,
    time_axis: int | None = ...,
    depth_axis: int | None = ...,
    spacing: Sequence[float] = ...,
    neighbours: int = ...,
    causal: bool = ...,
    mask: Any = ...,
    dtype: Any = ...,
    black: float = ...,
    white: float = ...,
) -> np.ndarray: ...
@overload
def denoise(
    image: Any,
    net: Any = ...,
    *,
    strength: Any = ...,
    sigma: Any = ...,
    noise: NoiseProfile | None = ...,
    channel_axis: int | None = ...,
    stack_axes: int | Sequence[int] = ...,
    time_axis: int | None = ...,
    depth_axis: int | None = ...,
    spacing: Sequence[float] = ...,
    neighbours: int = ...,
    causal: bool = ...,
    mask: Any = ...,
    dtype: Any = ...,
    black: float = ...,
    white: float = ...,
) -> Any: ...
def denoise(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    stack_axes: int | Sequence[int] = (),
    time_axis: int | None = None,
    depth_axis: int | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    neighbours: int = NEIGHBOURS,
    causal: bool = False,
    mask: Any = None,
    dtype: Any = None,
    black: float = 0.0,
    white: float = 1.0,
) -> Any:
    """Denoise an image: a network sets a classical filter's parameters for every pixel, the filter does the rest.

    The same as ``pkn.predict_maps(image, net, ...).apply(image, ...)``, bit for bit, but in little memory.

    Parameters
    ----------
    image : array of shape (H, W), and channels and stacks where ``channel_axis`` and ``stack_axes`` say
        Units and offsets don't matter: counts, electrons and negative values are fine. uint8 and uint16 are read as
        fractions of their full range (which matters for ``sigma``, ``noise`` and results of another dtype), bool as 0
        and 1, floats and all other integers of up to 32 bits as they are. Pixels that are not finite carry no weight. A
        Dask array (of finite values, with ``strength`` and ``sigma`` numbers and no mask) gives a Dask array: nothing
        is computed yet.
    net : str, path or MapNet
        A bundled name (``pkn nets`` lists them; grey or RGB is chosen by the channels), a ``.safetensors`` file, or a
        network.
    strength : float, (float, float) or array of shape (H, W)
        0 is the identity, 1 is what the network says, more smooths more. A pair is for luma and chroma of RGB images.
    sigma : float or array of shape (H, W), optional
        Standard deviation of white noise in image values, or at each pixel. By default the noise is estimated from the
        image, as by :func:`pkn.estimate_noise`.
    noise : NoiseProfile, optional
        The noise, if it is known: measured once for a camera, a gain or a microscope.
    channel_axis : int, optional
        Axis of the channels; None means that the image is grey.
    stack_axes : int or sequence of int, optional
        Axes along which images are stacked; each image is denoised by itself.
    time_axis : int, optional
        Axis of the frames of a video, which are denoised together as by :func:`pkn.stream`: neighbours are averaged
        along motion first.
    depth_axis : int, optional
        Axis of the planes of a volume: the filter's windows then reach through neighbouring planes. The default network
        is "volume", for grey images.
    spacing : (float, float, float)
        Of a volume: distances of planes, rows and columns, in any unit.
    neighbours : int
        Of a video: frames before and after each that it is averaged with.
    causal : bool
        Whether results may depend only on frames or planes before them.
    mask : bool array of shape (H, W), optional
        Pixels that are False carry no weight.
    dtype : dtype or "same", optional
        Of the result. By default float64 for float64 and integers of 32 bits, else float32; "same" rounds and clips to
        the image's own.
    black, white : float
        Image values that become 0 and the full range where ``dtype`` is uint8 or uint16 and the image's isn't.

    Returns
    -------
    array of the image's shape, NumPy's or Dask's as the image is

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> clean = np.linspace(0.2, 0.8, 96) * np.ones((64, 1))
    >>> noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    >>> denoised = pkn.denoise(noisy)
    >>> bool(np.std(denoised - clean) < 0.25 * np.std(noisy - clean))
    True
    >>> photo = (255 * noisy.clip(0, 1)).astype(np.uint8)[..., None].repeat(3, axis=-1)
    >>> denoised = pkn.denoise(photo, channel_axis=-1, dtype="same")
    >>> denoised.shape, denoised.dtype
    ((64, 96, 3), dtype('uint8'))
    """
    check_dtype(dtype)
    scaled = scales(dtype, black, white)
    series = series_of(time_axis, depth_axis, spacing, neighbours, causal)
    stacked = series is not None or not (isinstance(stack_axes, Sequence) and len(stack_axes) == 0)
    image = image if is_dask(image) else as_array(image) if stacked else check_image(image, channel_axis)
    known = known_noise(sigma, noise)
    if is_dask(image):
        return denoise_dask(
            image, net, channel_axis, stack_axes, series, strength=strength, noise=known, mask=mask, dtype=dtype
        )
    result = np.empty(image.shape, target_dtype(None if scaled else dtype, image.dtype))
    if series is not None:
        from pkn.restoration.series import denoise_series  # not at the top: single images need none of it

        denoise_series(image, result, series, net, channel_axis, stack_axes, strength=strength, noise=known, mask=mask)
    else:
        _denoise_images(image, result, net, channel_axis, stack_axes, strength=strength, noise=known, mask=mask)
    return rounded((result - black) / (white - black), np.dtype(dtype)) if scaled else result


def _denoise_images(
    image: np.ndarray, result: np.ndarray, net: Any, channel_axis: int | None, stack_axes: Any, **settings: Any
) -> None:
    """Fill ``result`` with each of the images of a stack, denoised by itself."""
    order = order_of(image.ndim, channel_axis, stack_axes)
    network = filtering_net(net, 1 if channel_axis is None else image.shape[channel_axis])
    images, results = image.transpose(order), result.transpose(order)
    plane_axis = None if channel_axis is None else 0
    for index in np.ndindex(images.shape[: -2 if channel_axis is None else -3]):
        planes, out = (planar(array[index], plane_axis) for array in (images, results))
        check_image(images[index], plane_axis)
        denoise_planes(planes, out, network, **settings)


def scales(dtype: Any, black: float, white: float) -> bool:
    """Whether a result is to be scaled so that ``black`` and ``white`` become the ends of an integer's range."""
    if not white > black:
        raise ValueError(f"black is {black:g} and white {white:g}; expected white above black")
    if (black, white) == (0, 1):
        return False
    if dtype is None or dtype == "same" or native(np.dtype(dtype)) not in FULL_RANGE:
        raise ValueError(f"black or white was given with dtype {dtype!r}; expected uint8 or uint16")
    return True


@overload
def predict_maps(
    image: Any,
    net: Any = ...,
    *,
    strength: Any = ...,
    sigma: Any = ...,
    noise: NoiseProfile | None = ...,
    channel_axis: int | None = ...,
    mask: Any = ...,
) -> ParameterMaps: ...
@overload
def predict_maps(
    image: Any,
    net: Any = ...,
    *,
    strength: Any = ...,
    sigma: Any = ...,
    noise: NoiseProfile | None = ...,
    channel_axis: int | None = ...,
    time_axis: int | None = ...,
    depth_axis: int | None = ...,
    spacing: Sequence[float] = ...,
    neighbours: int = ...,
    causal: bool = ...,
    at: int = ...,
    mask: Any = ...,
) -> Any: ...
def predict_maps(
    image: Any,
    net: Any = DEFAULT_NET,
    *,
    strength: Any = 1.0,
    sigma: Any = None,
    noise: NoiseProfile | None = None,
    channel_axis: int | None = None,
    time_axis: int | None = None,
    depth_axis: int | None = None,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    neighbours: int = NEIGHBOURS,
    causal: bool = False,
    at: int = 0,
    mask: Any = None,
) -> Any:
    """The parameter maps that a network sets for an image; parameters as in :func:`denoise`.

    Parameters
    ----------
    at : int
        With ``time_axis``, the number of the frame.

    Returns
    -------
    ParameterMaps
        Named maps with filter, units and provenance; ``apply`` them, edit them, save them, plot them. With
        ``time_axis`` it is a :class:`pkn.restoration.frame_maps.FrameMaps`, with ``depth_axis`` a
        :class:`pkn.restoration.volume_maps.VolumeMaps`.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (64, 80)).astype(np.float32)
    >>> maps = pkn.predict_maps(noisy, net="bilateral")
    >>> sorted(maps), maps["sigma_range"].shape
    (['sigma_range', 'sigma_space'], (64, 80))
    >>> bool(np.array_equal(maps.apply(noisy), pkn.denoise(noisy, net="bilateral")))
    True
    """
    provenance = {
        "pkn": __version__,
        "net": net if isinstance(net, str) else str(getattr(net, "name", net.__class__.__name__)),
        "sigma_given": sigma is not None or noise is not None,
        "strength": "map" if is_map(strength) else check_strength(strength),
    }
    series, known = series_of(time_axis, depth_axis, spacing, neighbours, causal), known_noise(sigma, noise)
    if series is not None:
        from pkn.restoration.series import check_series, predict_series

        check_series(as_array(image), strength, known, mask)
        return predict_series(as_array(image), series, at, net, channel_axis, strength, known, provenance)
    image = check_image(image, channel_axis)
    network = find_net(net, planar(image, channel_axis).shape[0])
    planes = to_planes(image, channel_axis)
    values, level = predict_values(planes, network, strength, known, mask)
    provenance |= {"sigma": level}
    return ParameterMaps(network.filter, values, channel_axis, provenance)
