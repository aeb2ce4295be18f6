"""The network in torch: predicts a filter's maps from an image, and from its halved images for a pyramid."""

import math
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import Filter, LumaChromaPyramid, MapRange
from pkn.filters.luma_chroma_pyramid import TO_OPPONENT
from pkn.nets.autograd.function import apply_filter
from pkn.nets.autograd.reference import mixed, pyramid_level
from pkn.nets.map_net.architecture import FEATURE_SIDE, SIGMA_FLOOR, Architecture
from pkn.nets.map_net.noise_level import estimate_sigma, floors, white_noise
from pkn.nets.weights import read_weights


class MapNet(nn.Module):
    """Predicts a filter's maps for every pixel of an image.

    The image is folded to ``1 / down`` of its resolution (each block of pixels becomes channels) and passes ``depth``
    3 x 3 convolutions of ``width`` channels. The outputs are mapped to the filter's physical ranges and resampled
    bilinearly (half-pixel centres) to full resolution. Values are divided by the noise level, which is estimated from
    the image unless it is given, so that one network serves all noise levels.

    For a pyramid this is done for the image of each pyramid level, coarsest first. All convolutions but the first and
    the last are shared, and the features of a level are added to those of the next finer one. A guide consists of
    linear features of the image, one 5 x 5 kernel for each plane. With two passes there are second outputs of the same
    features, and a second guide of what the first ones make of the image.

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
    >>> maps = net(torch.zeros(1, 1, 8, 9), noise=torch.tensor([0.1]))
    >>> maps.sigma_range.shape
    torch.Size([1, 1, 8, 9])
    """

    def __init__(self, flt: Filter, channels: int, **settings: Any) -> None:
        super().__init__()
        self.architecture = Architecture(flt, channels, **settings)
        self.filter, self.channels, self.down = flt, channels, self.architecture.down
        width, levels = self.architecture.width, range(len(self.architecture.names))
        folded = self.architecture.folded
        self.stems = nn.ModuleList(_Differences(folded, width) for _ in levels)
        self.scales = nn.ModuleList(nn.Conv2d(len(folded), width, 1, bias=False) for _ in levels)
        layers: list[nn.Module] = [nn.ReLU()]
        for _ in range(self.architecture.depth - 1):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.trunk = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Conv2d(width, sum(self.architecture.planes(level)), 1) for level in levels)
        for head in self.heads:
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]
        guides = [name for level in levels for name in self.architecture.guides(level)]
        self.features = nn.ModuleDict(
            {name: _Features(channels, FEATURE_SIDE, *flt.plane_shape(name)) for name in guides}
        )
        if self.architecture.passes == 2:
            made_of = self.architecture.guide_size
            features = {name: _Features(*made_of(name, True), *flt.plane_shape(name)) for name in guides}
            self.second = nn.ModuleDict({"heads": deepcopy(self.heads), "features": nn.ModuleDict(features)})

    def forward(self, image: Tensor, noise: Any = None, first: Tensor | None = None) -> Any:
        """Predict maps (N, planes, H, W) for image (N, C, H, W).

        ``noise`` is the noise level in image values, (N,) or at each pixel (N, 1, H, W); estimated if None. A network
        that is told a profile also takes a list of :class:`pkn.nets.NoiseCurve`, one for each image. ``first`` is for
        the second pass of volumes: the first one's result, of which, and of the image, guides are made then. (Of planes
        the first pass is part of the prediction.)
        """
        noise = _estimated(image) if noise is None else noise
        levels = range(len(self.architecture.names))
        images = [_planes(self.filter, image)]
        while len(images) < len(levels) + max(lag for _, lag, _ in self.architecture.folds):
            images.append(_halved(images[-1]))
        scales = self._scales(images, noise)
        if self.architecture.chained:
            return self._chained(images, scales)
        maps: dict[str, Tensor] = {}
        features: Tensor | None = None
        for level in reversed(levels):
            features = self._embed(level, images, scales[level], features)
            maps |= self._maps(level, images, features, first is not None)
        seen = image if first is None else torch.cat([first, image], 1)
        return self.filter.Maps(**maps, **self.guides(seen, first is not None))

    def _chained(self, images: list[Tensor], scales: list[list[Tensor]]) -> Any:
        """Maps of the second pass; on each level its guide is made of the first one's results."""
        flt: Any = self.filter
        maps: dict[str, Tensor] = {}
        features: Tensor | None = None
        coarser: list[Tensor | None] = [None] * len(self.architecture.parts)
        for level in reversed(range(len(scales))):
            features = self._embed(level, images, scales[level], features)
            own = self._maps(level, images, features, False)
            own |= {name: self.features[name](images[flt.level_of(name)]) for name in self.architecture.guides(level)}
            beside: Tensor | None = None
            for k, part in enumerate(self.architecture.first_parts):
                at = level + part.lag
                named = {name: own[full] for name in part.pyramid.ranges if (full := part.full(name)) in own}
                planes = images[at][:, part.channels].contiguous()
                coarser[k] = first = pyramid_level(part.pyramid, at, planes, named, coarser[k], apply_filter)
                guide = part.full(f"guide_{at}")
                seen = torch.cat([first, planes if beside is None else _halved(beside)], 1)
                maps[guide] = self.second["features"][guide](seen)  # type: ignore[index]
                beside = first
            maps |= self._maps(level, images, features, True)
        return self.filter.Maps(**maps)

    def guides(self, image: Tensor, second: bool = False) -> dict[str, Tensor]:
        """The guides that are made of an image (N, C, H, W), by name; the second ones of first result and image."""
        found: dict[str, Tensor] = {}
        features: Any = self.second["features"] if second else self.features
        images = [_planes(self.filter, image)]
        for level in range(len(self.architecture.names)):
            for name in self.architecture.guides(level):
                at = self.filter.level_of(name) if self.architecture.parts else level  # type: ignore[attr-defined]
                while len(images) <= at:
                    images.append(_halved(images[-1]))
                found[name] = features[name](images[at])
        return found

    def _scales(self, images: list[Tensor], noise: Any) -> list[list[Tensor]]:
        """Noise levels for each network level and input: (N, 1, 1, 1), or (N, 1, rows, columns)."""
        levels, inputs = range(len(self.architecture.names)), range(len(self.architecture.folds))
        if not self.architecture.by_level:
            scales = [noise.reshape(-1, 1, 1, 1) if noise.ndim == 1 else noise]
            while len(scales) < len(levels):
                scales.append(_halved(scales[-1]) if noise.ndim > 1 else scales[-1])
            return [[scale + SIGMA_FLOOR] for scale in scales]
        if isinstance(noise, Tensor):
            noise = [white_noise(self.filter, each.cpu().numpy()) for each in noise]
        stacked = []
        for level in levels:
            luma = images[level][:, 0].detach().cpu().numpy()  # or the only plane
            told = np.stack([each.at(self.architecture, level, at) for each, at in zip(noise, luma, strict=True)])
            scale = torch.from_numpy(told + floors(self.architecture, level)).to(images[0])
            stacked.append([scale[:, k : k + 1] for k in inputs])
        return stacked

    def _embed(self, level: int, images: list[Tensor], scales: list[Tensor], coarser: Tensor | None) -> Tensor:
        """Return features (N, width, H / down, W / down) of a level."""
        folded = []
        means = []
        for (planes, lag, side), scale in zip(self.architecture.folds, scales, strict=True):
            image = images[level + lag][:, planes]
            if scale.shape[2:] == image.shape[2:] and side > 1:  # a level at each pixel
                means.append(F.avg_pool2d(_padded(scale, side), side))
                folded.append(F.pixel_unshuffle(_padded(image / (4 * scale), side), side))
            else:
                means.append(scale)
                folded.append(F.pixel_unshuffle(_padded(image, side), side) / (4 * scale))
        # Convolutions run three times as fast on channels_last.
        inputs = self.stems[level](torch.cat(folded, 1).contiguous(memory_format=torch.channels_last))
        inputs = inputs + self.scales[level](torch.log2(torch.cat(means, 1) / 0.1))
        if coarser is not None:
            inputs = inputs + _resample(coarser, 2)[..., : inputs.shape[2], : inputs.shape[3]]
        features: Tensor = self.trunk(inputs)
        return features

    def _maps(self, level: int, images: list[Tensor], features: Tensor, second: bool) -> dict[str, Tensor]:
        """Return the maps of a level from its features."""
        heads: Any = self.second["heads"] if second else self.heads
        parts = torch.split(heads[level](features), self.architecture.planes(level), 1)
        maps: dict[str, Tensor] = {}
        for name, part in zip(self.architecture.written(level), parts, strict=True):
            height, width = self.filter.map_size(name, images[0].shape[-2:])  # type: ignore[arg-type]
            raw = _resample(part, self.architecture.enlargement(level, name))[..., :height, :width]
            maps[name] = _squash(raw, self.filter.ranges[name]).contiguous()
        return maps

    def denoise(self, image: Tensor, noise: Any = None) -> Tensor:
        """Return the filtered image (N, C, H, W); ``noise`` as in :meth:`forward`."""
        return apply_filter(self.filter, image, self(image, noise))


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
    return with_weights(*read_weights(path))


def with_weights(architecture: Architecture, weights: Mapping[str, np.ndarray]) -> MapNet:
    """A network with a copy of weights, such as those of a :class:`pkn.nets.Predictor`."""
    net = MapNet(architecture.filter, architecture.channels, **architecture.settings)
    net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    return net.eval()


class _Differences(nn.Conv2d):
    """A 3 x 3 convolution whose weights sum to 0 over each input, so that maps don't depend on brightness or tint."""

    def __init__(self, inputs: list[int], width: int) -> None:
        super().__init__(sum(inputs), width, 3)
        self.inputs = inputs

    def forward(self, image: Tensor) -> Tensor:
        parts = torch.split(self.weight, self.inputs, 1)
        weight = torch.cat([part - part.mean((1, 2, 3), keepdim=True) for part in parts], 1)
        return F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), weight, self.bias)


class _Features(nn.Conv2d):
    """The guide, linear features of the image; initially about the pixel itself and the mean of 3 x 3 pixels."""

    def __init__(self, channels: int, side: int, features: int) -> None:
        super().__init__(channels, features, side, bias=False)
        middle, half = side // 2, slice(side // 2 - 1, side // 2 + 2)
        with torch.no_grad():
            self.weight *= 0.2
            self.weight[0, :, middle, middle] += 0.7 / channels
            self.weight[min(1, features - 1), :, half, half] += 0.7 / (9 * channels)

    def forward(self, image: Tensor) -> Tensor:
        reach = self.weight.shape[-1] // 2
        return F.conv2d(F.pad(image, (reach, reach, reach, reach), mode="replicate"), self.weight).contiguous()


def _squash(raw: Tensor, limits: MapRange) -> Tensor:
    """Map to ``low`` ... ``high`` by a sigmoid, evenly in the logarithm if the map's range is; 0 is the middle."""
    part = torch.sigmoid(raw)
    if limits.logarithmic:
        return limits.low * torch.exp(math.log(limits.high / limits.low) * part)
    return limits.low + (limits.high - limits.low) * part


def _estimated(image: Tensor) -> Tensor:
    return torch.from_numpy(estimate_sigma(image.detach().cpu().numpy())).to(image.device)


def _planes(flt: Filter, image: Tensor) -> Tensor:
    """The planes that the filter's pyramids take."""
    return mixed(TO_OPPONENT, image) if isinstance(flt, LumaChromaPyramid) else image


def _padded(image: Tensor, multiple: int) -> Tensor:
    height, width = image.shape[-2:]
    missing = (-width % multiple, -height % multiple)
    return F.pad(image, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else image


def _halved(image: Tensor) -> Tensor:
    return F.avg_pool2d(_padded(image, 2), 2)


def _resample(maps: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return maps
    return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
