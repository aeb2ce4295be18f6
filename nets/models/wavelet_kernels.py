"""A tiny network that predicts kernels for wavelet bands, given their low-pass; our filters' core applies them.

The place of Kadkhodaie et al.'s conditional CNN (2023, arXiv 2303.02984), with a tenth of its weights: here the network
only chooses, and what is done to each coefficient can be read from its kernels.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import FreeKernel
from pkn.nets.autograd.function import apply_filter

NORMAL_MEDIAN = 0.6745  # of the absolute values of N(0, 1)
LEAST_NOISE = 1e-6
FEATURE_SIDE = 5  # of the linear features of the low-pass
LARGEST_LOGIT = 8.0
SIZES = {"inputs": (1, 4), "outputs": (1, 3), "width": range(1, 257), "depth": range(1, 17), "radius": range(1, 8)}


@dataclass(frozen=True)
class BandKernelSettings:
    """Sizes of :class:`BandKernels`.

    Parameters
    ----------
    inputs, outputs : int
        4 and 3: details given their low-pass, which comes first; 1 and 1: a low-pass itself.
    width, depth : int
        Channels and number of the 3 x 3 convolutions.
    radius, guide_radius : int
        Of the kernels on a band, and on what the low-pass lets expect there, px.
    """

    inputs: int = 4
    outputs: int = 3
    width: int = 24
    depth: int = 4
    radius: int = 2
    guide_radius: int = 1

    def __post_init__(self) -> None:
        for name, allowed in (SIZES | {"guide_radius": SIZES["radius"]}).items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {allowed}")
        if (self.inputs, self.outputs) not in ((1, 1), (4, 3)):
            raise ValueError(f"inputs and outputs are {self.inputs} and {self.outputs}; expected 4 and 3, or 1 and 1")


class BandMaps(NamedTuple):
    """``logits`` (N, bands K K, H, W) of the kernels on bands; ``guide_logits`` of those on ``guide`` (N, 3, H, W).

    The guide is what a fixed linear filter expects of each band from the low-pass. For a low-pass itself there is none.
    """

    logits: Tensor
    guide_logits: Tensor | None
    guide: Tensor | None


class BandKernels(nn.Module):
    """Estimates the noise in the last ``outputs`` channels of (N, inputs, H, W); what is denoised is those minus it.

    Values are measured in units of the noise, by the median of the diagonal details (Donoho & Johnstone 1994), so
    scaling the input scales the output; the low-pass counts by its differences alone. Kernels on details are signed and
    free (tanh); on a low-pass they are positive and sum to 1 (softmax), as brightness must stay.
    """

    def __init__(self, settings: BandKernelSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.kernels = FreeKernel(s.radius, "nearest", normalization="tanh" if s.inputs == 4 else "softmax")
        self.guide_kernels = FreeKernel(s.guide_radius, "nearest", normalization="tanh")
        self.features = nn.Conv2d(1, 3, FEATURE_SIDE, bias=False)
        seen = 3 + (s.outputs if s.inputs == 4 else 0)
        self.layers = nn.ModuleList(nn.Conv2d(seen if i == 0 else s.width, s.width, 3) for i in range(s.depth))
        self.planes = [s.outputs * (2 * s.radius + 1) ** 2]
        self.planes += [s.outputs * (2 * s.guide_radius + 1) ** 2] if s.inputs == 4 else []
        self.head = nn.Conv2d(s.width, sum(self.planes), 1)
        with torch.no_grad():
            bias = torch.zeros(s.outputs, self.planes[0] // s.outputs)
            bias[:, bias.shape[1] // 2] = 0.5 if s.inputs == 4 else 2.0  # at first, about half of each coefficient
            self.head.bias.copy_(F.pad(bias.flatten(), (0, sum(self.planes[1:]))))  # type: ignore[union-attr]
            self.head.weight *= 0.1

    def forward(self, seen: Tensor) -> Tensor:
        """The noise (N, outputs, H, W)."""
        return seen[:, -self.settings.outputs :] - self.apply(seen, self.predict(seen))

    def predict(self, seen: Tensor) -> BandMaps:
        """Kernels for all bands."""
        low, bands = seen[:, :1], seen[:, 1:]
        scale = noise_level(bands[:, -1:] if bands.shape[1] else _diagonal(low))
        guide = F.conv2d(_padded(low, FEATURE_SIDE // 2), self._differences())
        found = torch.cat([guide, bands], 1) / scale
        for layer in self.layers:
            found = F.relu(layer(_padded(found, 1)))
        logits = self.head(found).float().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        own, others = logits[:, : self.planes[0]], logits[:, self.planes[0] :]
        return BandMaps(own, others, guide) if bands.shape[1] else BandMaps(own, None, None)

    def _differences(self) -> Tensor:
        weight: Tensor = self.features.weight
        return weight - weight.mean((1, 2, 3), keepdim=True)

    def apply(self, seen: Tensor, maps: BandMaps) -> Tensor:  # type: ignore[override]
        """The denoised bands (N, outputs, H, W)."""
        out = _filtered(self.kernels, seen[:, -self.settings.outputs :], maps.logits)
        if maps.guide is None or maps.guide_logits is None:
            return out
        return out + _filtered(self.guide_kernels, maps.guide.to(seen), maps.guide_logits)


def noise_level(diagonal: Tensor) -> Tensor:
    """Standard deviation (N, 1, 1, 1) of the noise in diagonal details (N, 1, H, W).

    Zeros don't count: there is no noise in a black margin.
    """
    sizes = diagonal.abs().flatten(1)
    medians = torch.where(sizes > 0, sizes, torch.nan).nanmedian(1).values.nan_to_num()
    return (medians / NORMAL_MEDIAN).clamp_min(LEAST_NOISE)[:, None, None, None]


def _diagonal(image: Tensor) -> Tensor:
    """Diagonal Haar details of an image, at every pixel and so of any size."""
    image = F.pad(image, (0, 1, 0, 1), mode="replicate")
    rows = image[:, :, 1:] - image[:, :, :-1]
    return 0.5 * (rows[..., 1:] - rows[..., :-1])


def _padded(image: Tensor, margin: int) -> Tensor:
    return F.pad(image, (margin,) * 4, mode="replicate")


def _filtered(kernels: FreeKernel, bands: Tensor, logits: Tensor) -> Tensor:
    """Each band by its own kernels."""
    number, channels, height, width = bands.shape
    single = bands.reshape(number * channels, 1, height, width).contiguous()
    each = logits.reshape(number * channels, -1, height, width).to(single).contiguous()
    return apply_filter(kernels, single, kernels.Maps(each)).reshape(bands.shape)
