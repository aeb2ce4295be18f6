"""The network: looks at an image, and at its halves if the filter is a pyramid, and writes the filter's maps."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import Filter, MapRange
from pkn.nets.autograd.function import apply_filter
from pkn.nets.map_net.architecture import FEATURE_SIDE, SIGMA_FLOOR, Architecture
from pkn.nets.map_net.noise_level import estimate_sigma
from pkn.nets.weights import read_weights


class MapNet(nn.Module):
    """Predicts a filter's maps for every pixel of an image.

    The image is folded to ``1 / down`` of its resolution (each block of pixels becomes channels) and passes ``depth``
    3 x 3 convolutions of ``width`` channels; the maps that come out are squashed into the filter's physical ranges and
    resampled bilinearly (half-pixel centres) to full resolution. Values are measured in units of the noise, whose level
    is estimated from the image unless it is given, so that one network serves all levels.

    For a pyramid this is done for each level's image, coarsest first, by the same convolutions but the first and last;
    what they found is handed on to the next finer level. A guide is made of linear features of the image, one
    5 x 5 kernel for each plane.

    Parameters
    ----------
    flt, channels, **settings
        Those of :class:`pkn.nets.Architecture`.
    """

    def __init__(self, flt: Filter, channels: int, **settings: Any) -> None:
        super().__init__()
        self.architecture = Architecture(flt, channels, **settings)
        self.filter, self.channels, self.down = flt, channels, self.architecture.down
        width, levels = self.architecture.width, range(len(self.architecture.names))
        self.stems = nn.ModuleList(_Differences(channels * self.down**2, width) for _ in levels)
        self.scales = nn.ModuleList(nn.Conv2d(1, width, 1, bias=False) for _ in levels)
        layers: list[nn.Module] = [nn.ReLU()]
        for _ in range(self.architecture.depth - 1):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Conv2d(width, sum(self.architecture.planes(level)), 1) for level in levels)
        for head in self.heads:
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        guides = [name for level in levels for name in self.architecture.guides(level)]
        self.features = nn.ModuleDict({name: _Features(channels, *flt.plane_shape(name)) for name in guides})

    def forward(self, image: Tensor, sigma: Tensor | None = None) -> Any:
        """Maps (N, planes, H, W) for image (N, C, H, W).

        ``sigma`` is the noise level, (N,) or at each pixel (N, 1, H, W); estimated if None.
        """
        sigma = _estimated(image) if sigma is None else sigma
        images, scales = [image], [sigma.reshape(-1, 1, 1, 1) if sigma.ndim == 1 else sigma]
        while len(images) < len(self.architecture.names):
            images.append(_halved(images[-1]))
            scales.append(_halved(scales[-1]) if sigma.ndim > 1 else scales[-1])
        maps: dict[str, Tensor] = {}
        found: Tensor | None = None
        for level in reversed(range(len(images))):
            found = self._look(level, images[level], scales[level] + SIGMA_FLOOR, found)
            maps |= self._maps(level, images[level], found)
        return self.filter.Maps(**maps)

    def _look(self, level: int, image: Tensor, scale: Tensor, coarser: Tensor | None) -> Tensor:
        folded = F.pixel_unshuffle(_padded(image / (4 * scale), self.down), self.down)
        folded = folded.contiguous(memory_format=torch.channels_last)  # convolutions run three times as fast
        seen = self.stems[level](folded)
        if scale.shape[2:] == image.shape[2:]:
            scale = F.avg_pool2d(_padded(scale, self.down), self.down)
        seen = seen + self.scales[level](torch.log2(scale / 0.1))
        if coarser is not None:
            seen = seen + _resample(coarser, 2)[..., : seen.shape[2], : seen.shape[3]]
        found: Tensor = self.trunk(seen)
        return found

    def _maps(self, level: int, image: Tensor, found: Tensor) -> dict[str, Tensor]:
        height, width = image.shape[-2:]
        raw = _resample(self.heads[level](found), self.down)[..., :height, :width]
        parts = torch.split(raw, self.architecture.planes(level), 1)
        written = zip(self.architecture.written(level), parts, strict=True)
        maps = {name: _squash(part, self.filter.ranges[name]).contiguous() for name, part in written}
        return maps | {name: self.features[name](image) for name in self.architecture.guides(level)}

    def denoise(self, image: Tensor, sigma: Tensor | None = None) -> Tensor:
        """The filtered image."""
        return apply_filter(self.filter, image, self(image, sigma))


def weights_of(net: MapNet) -> dict[str, np.ndarray]:
    """A network's weights as arrays, for a file or a :class:`pkn.nets.Predictor`."""
    return {name: values.detach().cpu().numpy() for name, values in net.state_dict().items()}


def load_net(path: str | Path) -> MapNet:
    """Read a network into torch; errors as for :func:`pkn.nets.load_predictor`."""
    architecture, weights = read_weights(path)
    net = MapNet(architecture.filter, architecture.channels, **architecture.settings)
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    return net.eval()


class _Differences(nn.Conv2d):
    """A 3 x 3 convolution whose weights sum to 0: it sees differences, so that brightness changes no map."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3)

    def forward(self, image: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), weight, self.bias)


class _Features(nn.Conv2d):
    """A guide: linear features of the image; at first, roughly the pixel, and the mean of 3 x 3 pixels."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__(channels, features, FEATURE_SIDE, bias=False)
        middle, half = FEATURE_SIDE // 2, slice(FEATURE_SIDE // 2 - 1, FEATURE_SIDE // 2 + 2)
        with torch.no_grad():
            self.weight *= 0.2
            self.weight[0, :, middle, middle] += 0.7 / channels
            self.weight[min(1, features - 1), :, half, half] += 0.7 / (9 * channels)

    def forward(self, image: Tensor) -> Tensor:
        reach = FEATURE_SIDE // 2
        return F.conv2d(F.pad(image, (reach, reach, reach, reach), mode="replicate"), self.weight).contiguous()


def _squash(raw: Tensor, limits: MapRange) -> Tensor:
    """Into ``low`` ... ``high``, evenly in the logarithm where that is the map's scale; 0 is the middle."""
    part = torch.sigmoid(raw)
    if limits.logarithmic:
        return limits.low * torch.exp(math.log(limits.high / limits.low) * part)
    return limits.low + (limits.high - limits.low) * part


def _estimated(image: Tensor) -> Tensor:
    return torch.from_numpy(estimate_sigma(image.detach().cpu().numpy())).to(image.device)


def _padded(image: Tensor, multiple: int) -> Tensor:
    height, width = image.shape[-2:]
    missing = (-width % multiple, -height % multiple)
    return F.pad(image, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else image


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(_padded(image, 2), 2)


def _resample(maps: Tensor, factor: int) -> Tensor:
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
