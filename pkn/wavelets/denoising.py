"""``pkn.wavelet_denoise``: the coarsest low-pass first, then each scale's details given what is denoised already."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import all_finite, check_dtype, check_image, from_planes, to_planes
from pkn.wavelets.haar_transform import haar_levels, inverse_haar
from pkn.wavelets.models import WaveletModel, find_wavelet_model

SCALING = "published"


def wavelet_denoise(image: Any, model: Any, *, channel_axis: int | None = None, dtype: Any = None) -> np.ndarray:
    """Denoise an image of white noise by a multi-scale model, which isn't told the level.

    After Kadkhodaie, Guth, Mallat & Simoncelli 2023 (arXiv 2303.02984).

    Parameters
    ----------
    image : array of shape (H, W), and channels where ``channel_axis`` says
        uint8 and uint16 are read as fractions of their full range, floats as they are, images in [0, 1], noise beyond.
        Each channel is denoised by itself.
    model : WaveletModel or path
        Or a folder, as :func:`pkn.wavelets.models.find_wavelet_model` reads it.
    channel_axis : int, optional
        Axis of the channels; None means that the image is grey.
    dtype : dtype or "same", optional
        Of the result. By default float64 for float64, else float32; "same" rounds and clips to the image's own.

    Returns
    -------
    ndarray of the image's shape
        Floats are not clipped.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected.
    """
    check_dtype(dtype)
    image = check_image(image, channel_axis)
    planes = finite_planes(image, channel_axis)
    found = find_wavelet_model(model)
    with torch.inference_mode():
        denoised = denoise_levels(found, planes)
    return from_planes(denoised.transpose(0, 1).numpy(), channel_axis, dtype, image.dtype)


def finite_planes(image: np.ndarray, channel_axis: int | None) -> Tensor:
    """A checked image's channels as a batch (C, 1, H, W); ValueError if a value isn't finite."""
    if not all_finite(image):
        raise ValueError("image has values that are not finite; expected none")
    return torch.from_numpy(to_planes(image, channel_axis)).transpose(0, 1)


def denoise_levels(model: WaveletModel, images: Tensor) -> Tensor:
    """Images (N, 1, H, W), in floats of any precision; the networks compute in float32."""
    low, details = haar_levels(images, len(model.details), SCALING)
    low = low - _noise(model.low, low)
    sizes = [images.shape[2:], *(noisy.shape[2:] for noisy in details)]
    for net, noisy, size in reversed(list(zip(model.details, details, sizes, strict=False))):
        clean = noisy - _noise(net, torch.cat([low, noisy], 1))
        low = inverse_haar(low, clean, SCALING, (size[0], size[1]))
    return low


def _noise(net: Any, seen: Tensor) -> Tensor:
    noise: Tensor = net(seen.float())
    return noise.to(seen)
