"""Wavelet bands and what a model of kernels does to each: maps that can be seen, edited, saved and replayed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.filters.arrays import check_image
from pkn.io.image_file import as_integer
from pkn.io.images import ImageFile, write_image
from pkn.nets.models.wavelet_kernels import BandKernels
from pkn.restoration.parameter_maps import ParameterMaps
from pkn.wavelets.denoising import SCALING, finite_planes
from pkn.wavelets.haar_transform import haar_levels, inverse_haar
from pkn.wavelets.models import WaveletModel, find_wavelet_model

DIRECTIONS = ("horizontal", "vertical", "diagonal")


@dataclass(frozen=True)
class Band:
    """Coefficients (h, w), and maps of the kernels on them.

    Parameters
    ----------
    name : str
        "low", or such as "scale-0-horizontal"; scale 0 is the finest.
    noisy : ndarray of shape (h, w)
    maps : ParameterMaps
        Of a :class:`pkn.filters.FreeKernel`.
    guide : ndarray of shape (h, w), optional
        What a fixed linear filter expects of the band from the denoised low-pass.
    guide_maps : ParameterMaps, optional
        Of the kernels on the guide, whose result is added.
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
    """Bands of a grey image (H, W), coarsest first, as :func:`pkn.wavelet_denoise` denoises them.

    Parameters
    ----------
    image, model
        As there.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what came, and what is expected; also if the model is one of CNNs, which have no maps.
    """
    found = find_wavelet_model(model)
    for net in (found.low, *found.details):
        if not isinstance(net, BandKernels):
            raise ValueError(f"model has a {type(net).__name__}; expected BandKernels, which predict maps")
    planes = finite_planes(check_image(image, None), None).float()
    with torch.inference_mode():
        return list(_bands(found, planes))


def _bands(model: WaveletModel, image: Tensor) -> Iterator[Band]:
    low, details = haar_levels(image, len(model.details), SCALING)
    yield (band := next(_explained("low", model.low, low)))
    low = _tensor([band])
    for scale, net, noisy in reversed(list(zip(range(len(details)), model.details, details, strict=True))):
        found = list(_explained(f"scale-{scale}", net, torch.cat([low, noisy], 1)))
        yield from found
        size = image.shape[2:] if scale == 0 else details[scale - 1].shape[2:]
        low = inverse_haar(low, _tensor(found), SCALING, (size[0], size[1]))


def _explained(name: str, net: BandKernels, seen: Tensor) -> Iterator[Band]:
    """The bands of one network."""
    maps, outputs = net.predict(seen), net.settings.outputs
    for index in range(outputs):
        own = _maps(net.kernels, maps.logits, index, outputs)
        noisy = seen[0, seen.shape[1] - outputs + index].numpy()
        if maps.guide is None or maps.guide_logits is None:
            yield Band(name, noisy, own)
        else:
            others = _maps(net.guide_kernels, maps.guide_logits, index, outputs)
            yield Band(f"{name}-{DIRECTIONS[index]}", noisy, own, maps.guide[0, index].numpy(), others)


def _maps(kernels: Any, logits: Tensor, index: int, outputs: int) -> ParameterMaps:
    side = 2 * kernels.radius + 1
    each = logits[0].reshape(outputs, side, side, *logits.shape[2:])[index]
    return ParameterMaps(kernels, {"logits": each.numpy()}, provenance={"net": "BandKernels"})


def _tensor(bands: Sequence[Band]) -> Tensor:
    return torch.from_numpy(np.stack([band.apply() for band in bands])[None])


def reconstruct(bands: Sequence[Band], shape: tuple[int, int]) -> np.ndarray:
    """The image of this shape behind bands, each denoised by its maps as they are now."""
    low, rest = _tensor(bands[:1]), list(bands[1:])
    levels = [rest[first : first + len(DIRECTIONS)] for first in range(0, len(rest), len(DIRECTIONS))]
    sizes = [*(level[0].noisy.shape for level in levels[1:]), shape]
    for level, size in zip(levels, sizes, strict=True):
        low = inverse_haar(low, _tensor(level), SCALING, size)
    image: np.ndarray = low[0, 0].numpy()
    return image


def write_bands(bands: Sequence[Band], folder: str | Path) -> None:
    """A folder for each band: its maps as pictures and ``maps.npz``, and itself, noisy and denoised."""
    for band in bands:
        place = Path(folder, band.name)
        band.maps.to_png(place)
        band.maps.save(place / "maps.npz")
        if band.guide_maps is not None:
            band.guide_maps.to_png(place / "guide")
            band.guide_maps.save(place / "guide" / "maps.npz")
        middle = 0.0 if band.name == "low" else 0.5  # details are signed
        for name, values in (("noisy", band.noisy), ("denoised", band.apply())):
            pixels = as_integer((values + middle).astype(np.float32), np.uint8)
            write_image(place / f"{name}.png", ImageFile((pixels,)))
