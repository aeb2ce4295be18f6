"""The network in torch: predicts a filter's maps from an image, and from its halved images for a pyramid."""

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
    3 x 3 convolutions of ``width`` channels. The outputs are mapped to the filter's physical ranges and resampled
    bilinearly (half-pixel centres) to full resolution. Values are divided by the noise level, which is estimated from
    the image unless it is given, so that one network serves all noise levels.

    For a pyramid this is done for the image of each pyramid level, coarsest first. All convolutions but the first and
    the last are shared, and the features of a level are added to those of the next finer one. A guide consists of
    linear features of the image, one 5 x 5 kernel for each plane.

    Parameters
    ----------
    flt : Filter
    channels : {1, 3}
    **settings
        Other fields of :class:`pkn.nets.Architecture`.

    Examples
    --------
    >>> import torch
    >>> from pkn.filters import Bilateral
    >>> from pkn.nets import MapNet
    >>> net = MapNet(Bilateral(radius=2), channels=1, width=4, depth=2)
    >>> maps = net(torch.zeros(1, 1, 8, 9), sigma=torch.tensor([0.1]))
    >>> maps.sigma_range.shape
    torch.Size([1, 1, 8, 9])
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
        """Predict maps (N, planes, H, W) for image (N, C, H, W).

        ``sigma`` is the noise level in image values, (N,) or at each pixel (N, 1, H, W); estimated if None.
        """
        sigma = _estimated(image) if sigma is None else sigma
        images, scales = [image], [sigma.reshape(-1, 1, 1, 1) if sigma.ndim == 1 else sigma]
        while len(images) < len(self.architecture.names):
            images.append(_halved(images[-1]))
            scales.append(_halved(scales[-1]) if sigma.ndim > 1 else scales[-1])
        maps: dict[str, Tensor] = {}
        features: Tensor | None = None
        for level in reversed(range(len(images))):
            features = self._embed(level, images[level], scales[level] + SIGMA_FLOOR, features)
            maps |= self._maps(level, images[level], features)
        return self.filter.Maps(**maps)

    def _embed(self, level: int, image: Tensor, scale: Tensor, coarser: Tensor | None) -> Tensor:
        """Return features (N, width, H / down, W / down) of a pyramid level."""
        folded = F.pixel_unshuffle(_padded(image / (4 * scale), self.down), self.down)
        folded = folded.contiguous(memory_format=torch.channels_last)  # convolutions run three times as fast
        inputs = self.stems[level](folded)
        if scale.shape[2:] == image.shape[2:]:
            scale = F.avg_pool2d(_padded(scale, self.down), self.down)
        inputs = inputs + self.scales[level](torch.log2(scale / 0.1))
        if coarser is not None:
            inputs = inputs + _resample(coarser, 2)[..., : inputs.shape[2], : inputs.shape[3]]
        features: Tensor = self.trunk(inputs)
        return features

    def _maps(self, level: int, image: Tensor, features: Tensor) -> dict[str, Tensor]:
        """Return the maps of a pyramid level from its features."""
        height, width = image.shape[-2:]
        raw = _resample(self.heads[level](features), self.down)[..., :height, :width]
        parts = torch.split(raw, self.architecture.planes(level), 1)
        written = zip(self.architecture.written(level), parts, strict=True)
        maps = {name: _squash(part, self.filter.ranges[name]).contiguous() for name, part in written}
        return maps | {name: self.features[name](image) for name in self.architecture.guides(level)}

    def denoise(self, image: Tensor, sigma: Tensor | None = None) -> Tensor:
        """Return the filtered image (N, C, H, W); ``sigma`` as in :meth:`forward`."""
        return apply_filter(self.filter, image, self(image, sigma))


def weights_of(net: MapNet) -> dict[str, np.ndarray]:
    """Return a network's weights as arrays, for a file or a :class:`pkn.nets.Predictor`."""
    return {name: values.detach().cpu().numpy() for name, values in net.state_dict().items()}


def load_net(path: str | Path) -> MapNet:
    """Read a network into torch.

    Parameters
    ----------
    path : str or Path
        A ``.safetensors`` file.

    Raises
    ------
    ValueError, FileNotFoundError, IsADirectoryError
        As for :func:`pkn.nets.load_predictor`.

    Examples
    --------
    >>> import torch
    >>> from pkn.nets import load_net
    >>> from pkn.pretrained import weights_folder
    >>> net = load_net(weights_folder() / "bilateral-grey.safetensors")
    >>> noisy = 0.5 + 0.1 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> with torch.inference_mode():
    ...     clean = net.denoise(noisy)
    >>> bool(clean.std() < noisy.std() / 3)
    True
    """
    architecture, weights = read_weights(path)
    net = MapNet(architecture.filter, architecture.channels, **architecture.settings)
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    return net.eval()


class _Differences(nn.Conv2d):
    """A 3 x 3 convolution whose weights sum to 0, so that maps don't depend on brightness."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3)

    def forward(self, image: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), weight, self.bias)


class _Features(nn.Conv2d):
    """The guide, linear features of the image; initially about the pixel itself and the mean of 3 x 3 pixels."""

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
    """Map to ``low`` ... ``high`` by a sigmoid, evenly in the logarithm if the map's range is; 0 is the middle."""
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
