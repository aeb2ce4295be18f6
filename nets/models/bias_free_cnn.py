"""A bias-free CNN that estimates noise. Scaling its input scales its output, so the noise level is no input.

After Kadkhodaie, Guth, Mallat & Simoncelli 2023 (arXiv 2303.02984) and Mohan et al. 2020 (arXiv 1906.05478).
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters.arrays import check_whole_number

MOMENTUM, EPSILON = 0.1, 1e-5  # of the running standard deviation; added to the variance in a batch
FIRST_GAIN = 2 / (9 * 64)  # standard deviation (published); with 1 the initial estimate is ten times the noise
MOST_PARAMETERS = 16 << 20  # bounds what a file's header can ask for
PUBLISHED_LAYERS = 21
PUBLISHED_EVERY = {5: 20, 9: 8, 13: 4, 23: 2, 43: 1}  # field -> every how many-th layer is 3 x 3; the last always


@dataclass(frozen=True)
class BiasFreeSettings:
    """Sizes of a :class:`BiasFreeCNN`; the default is the published flat network with the largest receptive field.

    Parameters
    ----------
    inputs, outputs : int
        Channels: 1 and 1 for grey images; 4 and 3 for details given their low-pass, which comes first.
    width : int
        Channels between the layers.
    kernels : tuple of int
        Side of the kernels of each layer, odd, px; 2 layers or more.

    Raises
    ------
    ValueError
        If a number isn't whole or is below 1, a side is even, or the network would be too large.
    """

    inputs: int = 1
    outputs: int = 1
    width: int = 64
    kernels: tuple[int, ...] = (3,) * PUBLISHED_LAYERS

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", tuple(self.kernels))
        for name in ("inputs", "outputs", "width"):
            object.__setattr__(self, name, check_whole_number(name, getattr(self, name)))
        if len(self.kernels) < 2 or not all(type(side) is int and side >= 1 and side % 2 for side in self.kernels):
            raise ValueError(f"kernels are {self.kernels}; expected the odd sides of 2 layers or more")
        if self.parameters > MOST_PARAMETERS:
            raise ValueError(f"{self} has {self.parameters} parameters; expected at most {MOST_PARAMETERS}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels before the first layer and after each layer."""
        return self.inputs, *(self.width,) * (len(self.kernels) - 1), self.outputs

    @property
    def field(self) -> int:
        """Side of the receptive field, px."""
        return 1 + sum(side - 1 for side in self.kernels)

    @property
    def parameters(self) -> int:
        """Number of weights and gains."""
        layers = zip(self.channels, self.channels[1:], self.kernels, strict=False)
        return sum(before * after * side**2 for before, after, side in layers) + self.width * (len(self.kernels) - 2)


def flat_settings(field: int, inputs: int = 1, outputs: int = 1) -> BiasFreeSettings:
    """Return the settings of the published network of 21 layers with a receptive field of 5, 9, 13, 23 or 43 px.

    Raises
    ------
    ValueError
        If ``field`` is not one of these.
    """
    if field not in PUBLISHED_EVERY:
        raise ValueError(f"field is {field!r}; expected one of {', '.join(map(str, PUBLISHED_EVERY))}")
    last, every = PUBLISHED_LAYERS - 1, PUBLISHED_EVERY[field]
    sides = (3 if layer % every == 0 or layer == last else 1 for layer in range(PUBLISHED_LAYERS))
    return BiasFreeSettings(inputs, outputs, kernels=tuple(sides))


def conditional_settings(field: int) -> BiasFreeSettings:
    """Return the settings of the published network for three bands of details, given their low-pass.

    They are those of :func:`flat_settings` but for the channels.
    """
    return flat_settings(field, 4, 3)


LOW_PASS_SETTINGS = BiasFreeSettings(kernels=(3,) * 20)  # published in the folder 40x40; its receptive field is 41


class BiasFreeCNN(nn.Module):
    """Estimates the noise (N, outputs, H, W) in the last ``outputs`` channels of (N, inputs, H, W).

    The denoised image is those channels minus the estimate. Convolutions have no biases and are padded with zeros; all
    but the first and the last are followed by :class:`BiasFreeNorm` and ReLU. (With a ReLU after the first too, as the
    papers describe it, the published weights hardly denoise, and their stored deviations are twice those of features.)
    """

    def __init__(self, settings: BiasFreeSettings) -> None:
        super().__init__()
        self.settings = s = settings
        layers = zip(s.channels, s.channels[1:], s.kernels, strict=False)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, side, padding=side // 2, bias=False) for before, after, side in layers
        )
        self.norms = nn.ModuleList(BiasFreeNorm(s.width) for _ in s.kernels[2:])

    def forward(self, image: Tensor) -> Tensor:
        first, *middle, last = self.layers
        features = first(image)
        for layer, norm in zip(middle, self.norms, strict=True):
            features = F.relu(norm(layer(features)) if self.training else _scaled(layer, norm, features), inplace=True)
        out: Tensor = last(features)
        return out


class BiasFreeNorm(nn.Module):
    """Batch normalisation without means and biases: channels are divided by their deviation and scaled by a gain.

    In training the standard deviation is that of the batch, otherwise its moving average. (Parts of a batch that are
    processed in parallel each have their own, and update the average one after another.)
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(FIRST_GAIN * torch.randn(channels))
        self.momentum = MOMENTUM
        self.deviation: Tensor
        self.register_buffer("deviation", torch.ones(channels))

    def forward(self, image: Tensor) -> Tensor:
        if self.training:
            deviation = (image.float().var((0, 2, 3), correction=0) + EPSILON).sqrt()
            self.deviation.lerp_(deviation.detach(), self.momentum)
            return image * (self.gain / deviation)[:, None, None].to(image)
        return image * self.scale()[:, None, None]

    def scale(self) -> Tensor:
        """Return the factors of the channels outside training."""
        return self.gain / self.deviation


def _scaled(layer: Any, norm: Any, image: Tensor) -> Tensor:
    """Apply a layer and its norm by scaling the weights, which are far fewer than the pixels."""
    return F.conv2d(image, layer.weight * norm.scale()[:, None, None, None], padding=layer.padding)


def fused(net: BiasFreeCNN) -> nn.Sequential:
    """Return a copy for inference, with norms fused into the weights and weights in the memory order fast on CPUs."""
    plain = nn.Sequential()
    norms: list[Any] = [None, *net.norms, None]
    for layer, norm in zip(net.layers, norms, strict=True):
        copy: Any = deepcopy(layer)
        scale = 1 if norm is None else norm.scale()[:, None, None, None]
        weight = (copy.weight * scale).detach().contiguous(memory_format=torch.channels_last)
        copy.weight = nn.Parameter(weight, requires_grad=False)
        plain.extend([copy] if norm is None else [copy, nn.ReLU(inplace=True)])
    return plain.eval()
