"""``pkn.wavelet_denoise``: the coarsest low-pass first, then the details of each scale given the denoised low-pass."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import all_finite, check_dtype, check_image, from_planes, to_planes
from pkn.wavelets.haar_transform import haar_levels, inverse_haar
from pkn.wavelets.models import WaveletModel, find_wavelet_model

SCALING = "published"


def wavelet_denoise(image: Any, model: Any, *, channel_axis: int | None = None, dtype: Any = None) -> np.ndarray:
    """Denoise an image with white noise of unknown level by a multi-scale model.

    After Kadkhodaie, Guth, Mallat & Simoncelli 2023 (arXiv 2303.02984).

    Parameters
    ----------
    image : array of shape (H, W), and channels where ``channel_axis`` says
        uint8 and uint16 are read as fractions of their full range, floats as they are: clean images are in [0, 1], with
        noise they exceed that range. Each channel is denoised by itself.
    model : WaveletModel or path
        A model, or a folder as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    channel_axis : int, optional
        Axis of the channels; None means that the image is grey.
    dtype : dtype or "same", optional
        Of the result. By default float64 for float64, else float32; "same" rounds and clips to that of the image.

    Returns
    -------
    ndarray of the image's shape
        Floats are not clipped.

    Raises
    ------
    ValueError, TypeError
        For an argument that can't be used, with what is expected instead.

    Examples
    --------
    >>> import numpy as np
    >>> import pkn
    >>> from pkn.wavelets.models import WaveletModel
    >>> model = WaveletModel(lambda low: 0 * low, [lambda inputs: inputs[:, 1:]])  # all details are noise to it
    >>> pkn.wavelet_denoise(np.array([[0.0, 0.5, 1, 1], [1.0, 0.5, 0, 0]]), model)
    array([[0.5, 0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5, 0.5]])
    """
    check_dtype(dtype)
    image = check_image(image, channel_axis)
    planes = finite_planes(image, channel_axis)
    nets = find_wavelet_model(model)
    with torch.inference_mode():
        denoised = denoise_levels(nets, planes)
    return from_planes(denoised.transpose(0, 1).numpy(), channel_axis, dtype, image.dtype)


def finite_planes(image: np.ndarray, channel_axis: int | None) -> Tensor:
    """The channels of a checked image as a batch (C, 1, H, W); raises ValueError if a value isn't finite."""
    if not all_finite(image):
        raise ValueError("image has values that are not finite; expected none")
    return torch.from_numpy(to_planes(image, channel_axis)).transpose(0, 1)


def denoise_levels(model: WaveletModel, images: Tensor) -> Tensor:
    """Denoise images (N, 1, H, W), floats of any precision; the networks compute in float32."""
    low, details = haar_levels(images, len(model.details), SCALING)
    low = low - _estimate_noise(model.low, low)
    sizes = [images.shape[2:], *(noisy.shape[2:] for noisy in details)]
    for net, noisy, size in reversed(list(zip(model.details, details, sizes, strict=False))):
        clean = noisy - _estimate_noise(net, torch.cat([low, noisy], 1))
        low = inverse_haar(low, clean, SCALING, (size[0], size[1]))
    return low


def _estimate_noise(net: Any, inputs: Tensor) -> Tensor:
    noise: Tensor = net(inputs.float())
    return noise.to(inputs)
