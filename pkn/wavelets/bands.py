"""Wavelet bands and the kernels that a model predicts for each: maps to plot, edit, save and replay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_image
from pkn.io.image_file import to_integers
from pkn.io.images import ImageFile, write_image
from pkn.nets.models.wavelet_kernels import BandKernels
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.wavelets.denoising import SCALING, finite_planes
from pkn.wavelets.haar_transform import haar_levels, inverse_haar
from pkn.wavelets.models import WaveletModel, find_wavelet_model

DIRECTIONS = ("horizontal", "vertical", "diagonal")


@dataclass(frozen=True)
class Band:
    """The coefficients of a band, and the maps of the kernels that denoise it.

    Parameters
    ----------
    name : str
        "low", or such as "scale-0-horizontal"; scale 0 is the finest.
    noisy : ndarray of shape (h, w)
        The coefficients.
    maps : ParameterMaps
        Of the :class:`pkn.filters.FreeKernel` on ``noisy``.
    guide : ndarray of shape (h, w), optional
        A prediction of the band from the denoised low-pass, by a fixed linear filter.
    guide_maps : ParameterMaps, optional
        Of the kernels on ``guide``, whose result is added.
    """

    name: str
    noisy: np.ndarray
    maps: ParameterMaps
    guide: np.ndarray | None = None
    guide_maps: ParameterMaps | None = None

    def apply(self) -> np.ndarray:
        """The denoised coefficients, (h, w)."""
        out = self.maps.apply(self.noisy)
        return out if self.guide_maps is None else out + self.guide_maps.apply(self.guide)


def predict_bands(image: Any, model: Any) -> list[Band]:
    """The bands of a grey image (H, W), coarsest first, as :func:`pkn.wavelet_denoise` denoises them.

    Parameters
    ----------
    image, model
        As in :func:`pkn.wavelet_denoise`.

    Raises
    ------
    ValueError, TypeError
        For an argument that can't be used; also if the networks of the model are CNNs, which predict no maps.
    """
    nets = find_wavelet_model(model)
    for net in (nets.low, *nets.details):
        if not isinstance(net, BandKernels):
            raise ValueError(f"model has a {type(net).__name__}; expected BandKernels, which predict maps")
    planes = finite_planes(check_image(image, None), None).float()
    with torch.inference_mode():
        return list(_predict(nets, planes))


def _predict(model: WaveletModel, image: Tensor) -> Iterator[Band]:
    low, details = haar_levels(image, len(model.details), SCALING)
    yield (band := next(_bands_of_net("low", model.low, low)))
    low = _tensor([band])
    for scale, net, noisy in reversed(list(zip(range(len(details)), model.details, details, strict=True))):
        bands = list(_bands_of_net(f"scale-{scale}", net, torch.cat([low, noisy], 1)))
        yield from bands
        size = image.shape[2:] if scale == 0 else details[scale - 1].shape[2:]
        low = inverse_haar(low, _tensor(bands), SCALING, (size[0], size[1]))


def _bands_of_net(name: str, net: BandKernels, inputs: Tensor) -> Iterator[Band]:
    """The bands that one network denoises: the low-pass, or the details of a scale."""
    maps, outputs = net.predict(inputs), net.settings.outputs
    for index in range(outputs):
        band_maps = _maps(net.kernels, maps.logits, index, outputs)
        noisy = inputs[0, inputs.shape[1] - outputs + index].numpy()
        if maps.guide is None or maps.guide_logits is None:
            yield Band(name, noisy, band_maps)
        else:
            guide_maps = _maps(net.guide_kernels, maps.guide_logits, index, outputs)
            yield Band(f"{name}-{DIRECTIONS[index]}", noisy, band_maps, maps.guide[0, index].numpy(), guide_maps)


def _maps(kernels: Any, logits: Tensor, index: int, outputs: int) -> ParameterMaps:
    side = 2 * kernels.radius + 1
    band_logits = logits[0].reshape(outputs, side, side, *logits.shape[2:])[index]
    return ParameterMaps(kernels, {"logits": band_logits.numpy()}, provenance={"net": "BandKernels"})


def _tensor(bands: Sequence[Band]) -> Tensor:
    return torch.from_numpy(np.stack([band.apply() for band in bands])[None])


def reconstruct(bands: Sequence[Band], shape: tuple[int, int]) -> np.ndarray:
    """The image (H, W) of this shape from all its bands, each denoised by its maps as they are now.

    Parameters
    ----------
    bands : sequence of Band
        As :func:`predict_bands` returns them, with maps that may have been edited.
    shape : (int, int)
        Of the image.
    """
    low, rest = _tensor(bands[:1]), list(bands[1:])
    scales = [rest[first : first + len(DIRECTIONS)] for first in range(0, len(rest), len(DIRECTIONS))]
    sizes = [*(scale[0].noisy.shape for scale in scales[1:]), shape]
    for scale, size in zip(scales, sizes, strict=True):
        low = inverse_haar(low, _tensor(scale), SCALING, size)
    image: np.ndarray = low[0, 0].numpy()
    return image


def write_bands(bands: Sequence[Band], folder: str | Path) -> None:
    """Write a folder for each band: its maps, as pictures and ``maps.npz``, and pictures of it, noisy and denoised."""
    for band in bands:
        target = Path(folder, band.name)
        band.maps.to_png(target)
        band.maps.save(target / "maps.npz")
        if band.guide_maps is not None:
            band.guide_maps.to_png(target / "guide")
            band.guide_maps.save(target / "guide" / "maps.npz")
        middle = 0.0 if band.name == "low" else 0.5  # details are signed
        for name, values in (("noisy", band.noisy), ("denoised", band.apply())):
            pixels = to_integers((values + middle).astype(np.float32), np.uint8)
            write_image(target / f"{name}.png", ImageFile((pixels,)))
