"""A tiny network that predicts kernels for wavelet bands, given their low-pass; the filters' core applies them.

It replaces the conditional CNN of Kadkhodaie et al. (2023, arXiv 2303.02984) with a tenth of its weights. The network
only sets kernels, from which one can read how each coefficient is computed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import FreeKernel
from pkn.nets.autograd.function import apply_filter

NORMAL_MEDIAN = 0.6745  # median of the absolute values of N(0, 1)
LEAST_NOISE = 1e-6
FEATURE_SIDE = 5  # px; side of the kernels of the low-pass's linear features
LARGEST_LOGIT = 8.0
SIZES = {"inputs": (1, 4), "outputs": (1, 3), "width": range(1, 257), "depth": range(1, 17), "radius": range(1, 8)}


@dataclass(frozen=True)
class BandKernelSettings:
    """Sizes of :class:`BandKernels`.

    Parameters
    ----------
    inputs, outputs : int
        4 and 3 for details given their low-pass, which comes first; 1 and 1 for a low-pass itself.
    width, depth : int
        Channels and number of the 3 x 3 convolutions.
    radius, guide_radius : int
        Radius of the kernels on a band and on its guide, px.

    Raises
    ------
    ValueError
        If a setting is out of its range.
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

    The guide is a linear prediction of each band from the low-pass. It is None for a low-pass itself.
    """

    logits: Tensor
    guide_logits: Tensor | None
    guide: Tensor | None


class BandKernels(nn.Module):
    """Estimates the noise in the last ``outputs`` channels of (N, inputs, H, W); denoised are those minus the estimate.

    Values are divided by the noise level, estimated by the median of the diagonal details (Donoho & Johnstone 1994), so
    scaling the input scales the output. Adding a constant to the low-pass changes nothing. Kernels on details are
    signed (tanh); on a low-pass they are positive and sum to 1 (softmax), so that brightness stays.
    """

    def __init__(self, settings: BandKernelSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.kernels = FreeKernel(s.radius, "nearest", normalization="tanh" if s.inputs == 4 else "softmax")
        self.guide_kernels = FreeKernel(s.guide_radius, "nearest", normalization="tanh")
        self.features = nn.Conv2d(1, 3, FEATURE_SIDE, bias=False)
        channels = 3 + (s.outputs if s.inputs == 4 else 0)
        self.layers = nn.ModuleList(nn.Conv2d(channels if i == 0 else s.width, s.width, 3) for i in range(s.depth))
        self.planes = [s.outputs * (2 * s.radius + 1) ** 2]
        self.planes += [s.outputs * (2 * s.guide_radius + 1) ** 2] if s.inputs == 4 else []
        self.head = nn.Conv2d(s.width, sum(self.planes), 1)
        with torch.no_grad():
            bias = torch.zeros(s.outputs, self.planes[0] // s.outputs)
            bias[:, bias.shape[1] // 2] = (
                0.5 if s.inputs == 4 else 2.0
            )  # initially the output is about half of each coefficient
            self.head.bias.copy_(F.pad(bias.flatten(), (0, sum(self.planes[1:]))))  # type: ignore[union-attr]
            self.head.weight *= 0.1

    def forward(self, inputs: Tensor) -> Tensor:
        """Estimate the noise (N, outputs, H, W)."""
        return inputs[:, -self.settings.outputs :] - self.apply(inputs, self.predict(inputs))

    def predict(self, inputs: Tensor) -> BandMaps:
        """Predict the kernels of all bands."""
        low, bands = inputs[:, :1], inputs[:, 1:]
        scale = noise_level(bands[:, -1:] if bands.shape[1] else _diagonal(low))
        guide = F.conv2d(_padded(low, FEATURE_SIDE // 2), self._differences())
        features = torch.cat([guide, bands], 1) / scale
        for layer in self.layers:
            features = F.relu(layer(_padded(features, 1)))
        logits = self.head(features).float().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
        own, others = logits[:, : self.planes[0]], logits[:, self.planes[0] :]
        return BandMaps(own, others, guide) if bands.shape[1] else BandMaps(own, None, None)

    def _differences(self) -> Tensor:
        weight: Tensor = self.features.weight
        return weight - weight.mean((1, 2, 3), keepdim=True)

    def apply(self, inputs: Tensor, maps: BandMaps) -> Tensor:  # type: ignore[override]
        """Return the denoised bands (N, outputs, H, W)."""
        out = _filtered(self.kernels, inputs[:, -self.settings.outputs :], maps.logits)
        if maps.guide is None or maps.guide_logits is None:
            return out
        return out + _filtered(self.guide_kernels, maps.guide.to(inputs), maps.guide_logits)


def noise_level(diagonal: Tensor) -> Tensor:
    """Estimate the standard deviation (N, 1, 1, 1) of the noise in diagonal details (N, 1, H, W).

    Zeros are left out, since black margins have no noise.
    """
    sizes = diagonal.abs().flatten(1)
    medians = torch.where(sizes > 0, sizes, torch.nan).nanmedian(1).values.nan_to_num()
    return (medians / NORMAL_MEDIAN).clamp_min(LEAST_NOISE)[:, None, None, None]


def _diagonal(image: Tensor) -> Tensor:
    """Return the diagonal Haar details of an image at every pixel (not subsampled)."""
    image = F.pad(image, (0, 1, 0, 1), mode="replicate")
    rows = image[:, :, 1:] - image[:, :, :-1]
    return 0.5 * (rows[..., 1:] - rows[..., :-1])


def _padded(image: Tensor, margin: int) -> Tensor:
    return F.pad(image, (margin,) * 4, mode="replicate")


def _filtered(kernels: FreeKernel, bands: Tensor, logits: Tensor) -> Tensor:
    """Filter each band with its own kernels."""
    number, channels, height, width = bands.shape
    single = bands.reshape(number * channels, 1, height, width).contiguous()
    each = logits.reshape(number * channels, -1, height, width).to(single).contiguous()
    return apply_filter(kernels, single, kernels.Maps(each)).reshape(bands.shape)
