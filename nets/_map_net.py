"""The network: looks at an image at half or quarter resolution and writes a filter's maps."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import Filter, MapRange
from pkn.nets._bridge import apply_filter
from pkn.nets._noise import estimate_sigma

SIGMA_FLOOR = 2 / 255  # below this, noise no longer sets the scale of what the network sees


class MapNet(nn.Module):
    """Predicts a filter's maps for every pixel of an image.

    The image is folded to ``1 / down`` of its resolution (each block of pixels becomes channels), passes ``depth``
    3 x 3 convolutions of ``width`` channels, and the maps that come out are squashed into the filter's physical ranges
    and resampled bilinearly (half-pixel centres) to full resolution. Values are measured in units of the noise, whose
    level is estimated from the image unless it is given, so that one network serves all levels.

    Parameters
    ----------
    flt : Filter
    channels : {1, 3}
    down : {2, 4}
    width, depth : int
    """

    def __init__(self, flt: Filter, channels: int, *, down: int = 2, width: int = 24, depth: int = 4) -> None:
        super().__init__()
        self.filter, self.channels, self.down = flt, channels, down
        self.settings = {"down": down, "width": width, "depth": depth}
        self.planes = [math.prod(flt.plane_shape(name)) for name in flt.Maps._fields]  # type: ignore[attr-defined]
        self.stem = _Differences(channels * down * down, width)
        self.level = nn.Conv2d(1, width, 1, bias=False)
        layers: list[nn.Module] = [nn.ReLU()]
        for _ in range(depth - 1):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Conv2d(width, sum(self.planes), 1)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, sigma: Tensor | None = None) -> Any:
        """Maps (N, planes, H, W) for image (N, C, H, W); ``sigma`` (N,) is the noise level, estimated if None."""
        sigma = estimate_sigma(image) if sigma is None else sigma
        height, width = image.shape[-2:]
        extra = (-width % self.down, -height % self.down)
        folded = F.pixel_unshuffle(F.pad(image, (0, extra[0], 0, extra[1]), mode="replicate"), self.down)
        scale = (sigma + SIGMA_FLOOR).reshape(-1, 1, 1, 1)
        seen = self.stem(folded / (4 * scale)) + self.level(torch.log2(scale / 0.1))
        parts = self.head(self.trunk(seen)).split(self.planes, 1)
        ranges = self.filter.ranges.values()
        maps = [
            _resample(_squash(part, r), self.down)[..., :height, :width] for part, r in zip(parts, ranges, strict=True)
        ]
        return self.filter.Maps(*maps)

    def denoise(self, image: Tensor, sigma: Tensor | None = None) -> Tensor:
        """The filtered image."""
        return apply_filter(self.filter, image, self(image, sigma))


class _Differences(nn.Conv2d):
    """A 3 x 3 convolution whose weights sum to 0: it sees differences, so that brightness changes no map."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3)

    def forward(self, image: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), weight, self.bias)


def _squash(raw: Tensor, limits: MapRange) -> Tensor:
    """Into ``low`` ... ``high``, evenly in the logarithm where that is the map's scale; 0 is the middle."""
    part = torch.sigmoid(raw)
    if limits.logarithmic:
        return limits.low * torch.exp(math.log(limits.high / limits.low) * part)
    return limits.low + (limits.high - limits.low) * part


def _resample(maps: Tensor, factor: int) -> Tensor:
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
