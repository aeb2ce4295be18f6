"""A U-Net of ConvNeXt blocks with the time as an input: the restorer of Cold Diffusion (Bansal et al. 2022)."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.nets.models.time_embedding import sinusoids


@dataclass(frozen=True)
class UNetSettings:
    """Sizes of a :class:`UNet`; the default is near the published one (56.6 million weights).

    Parameters
    ----------
    size : int
        Side of the (square) images, px; a multiple of ``2 ** (len(multipliers) - 1)``.
    channels : int
        Channels of the images.
    width : int
        Channels at full resolution.
    multipliers : tuple of int
        Factors of ``width`` at each level, finest first; each level has half the resolution of the one before.
    expansion : int
        Factor of the channels inside a block.
    window : int
        Side of a block's depthwise kernels, odd.
    heads : int
        Heads of the linear attention after each level's blocks, with 32 features each; 0 for no attention.

    Raises
    ------
    ValueError
        If ``size`` doesn't fit the number of levels.
    """

    size: int = 64
    channels: int = 3
    width: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    expansion: int = 2
    window: int = 7
    heads: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "multipliers", tuple(self.multipliers))
        if self.size % self.reduction:
            levels = len(self.multipliers)
            raise ValueError(f"size is {self.size}; expected a multiple of {self.reduction} for {levels} levels")

    @property
    def reduction(self) -> int:
        return int(2 ** (len(self.multipliers) - 1))

    def for_images(self, size: int, channels: int) -> "UNetSettings":
        """Return settings for images of another size, with as many levels as it can be halved."""
        levels = [number for number in range(1, len(self.multipliers) + 1) if size % 2 ** (number - 1) == 0]
        return replace(self, size=size, channels=channels, multipliers=self.multipliers[: levels[-1]])


UNET_SETTINGS = {
    "published": UNetSettings(),
    "small": UNetSettings(width=32, multipliers=(1, 2, 4), expansion=1, window=3, heads=0),
}


class UNet(nn.Module):
    """Predicts a clean image from a degraded one, (N, C, H, W) in [-1, 1], and its time (N,) in [0, 1]."""

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        self.settings = s = settings
        widths = [s.width * multiplier for multiplier in s.multipliers]
        self.time = nn.Sequential(nn.Linear(s.width, 4 * s.width), nn.GELU(), nn.Linear(4 * s.width, s.width))
        self.first = nn.Conv2d(s.channels, s.width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        self.shrink, self.grow = nn.ModuleList(), nn.ModuleList()
        before = s.width
        for level, width in enumerate(widths):
            self.down.append(_Level(before, width, s))
            self.up.append(_Level(2 * width, before, s))
            if level < len(widths) - 1:
                self.shrink.append(nn.Conv2d(width, width, 4, 2, 1))
                self.grow.append(nn.ConvTranspose2d(width, width, 4, 2, 1))
            before = width
        self.middle = _Level(before, before, s)
        self.last = nn.Conv2d(s.width, s.channels, 1)

    def forward(self, image: Tensor, t: Tensor) -> Tensor:
        time = self.time(sinusoids(t, self.settings.width))
        features, skips = self.first(image), []
        for level, down in enumerate(self.down):
            features = down(features if level == 0 else self.shrink[level - 1](features), time)
            skips.append(features)
        features = self.middle(features, time)
        for level in reversed(range(len(self.up))):
            features = self.up[level](torch.cat([features, skips[level]], 1), time)
            if level > 0:
                features = self.grow[level - 1](features)
        out: Tensor = self.last(features).float()
        return out


class _Level(nn.Module):
    """Two blocks, then attention if ``heads`` isn't 0."""

    def __init__(self, before: int, after: int, settings: UNetSettings) -> None:
        super().__init__()
        s = settings
        self.first = _Block(before, after, s)
        self.second = _Block(after, after, s)
        self.attention = _LinearAttention(after, s.heads) if s.heads else None

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        image = self.second(self.first(image, time), time)
        return image if self.attention is None else image + self.attention(image)


class _Block(nn.Module):
    """A ConvNeXt block (Liu et al. 2022): depthwise convolution, time, norm, and two convolutions that expand."""

    def __init__(self, before: int, after: int, settings: UNetSettings) -> None:
        super().__init__()
        s = settings
        self.depthwise = nn.Conv2d(before, before, s.window, padding=s.window // 2, groups=before)
        self.time = nn.Linear(s.width, before)
        self.norm = nn.GroupNorm(1, before)
        self.widen = nn.Conv2d(before, s.expansion * after, 3, padding=1)
        self.narrow = nn.Conv2d(s.expansion * after, after, 3, padding=1)
        self.straight = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        features = self.depthwise(image) + self.time(F.gelu(time))[:, :, None, None]
        out: Tensor = self.straight(image) + self.narrow(F.gelu(self.widen(self.norm(features))))
        return out


class _LinearAttention(nn.Module):
    """Attention of linear cost in the number of pixels (Shen et al. 2018, arXiv 1812.01243)."""

    def __init__(self, width: int, heads: int, features: int = 32) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(1, width)
        self.query_key_value = nn.Conv2d(width, 3 * heads * features, 1, bias=False)
        self.mix = nn.Conv2d(heads * features, width, 1)

    def forward(self, image: Tensor) -> Tensor:
        split = self.query_key_value(self.norm(image)).unflatten(1, (3, self.heads, -1)).flatten(4)
        query, key, value = split.unbind(1)
        context = key.softmax(3) @ value.transpose(2, 3) / value.shape[3]
        out: Tensor = self.mix((context.transpose(2, 3) @ query.softmax(2)).flatten(1, 2).unflatten(2, image.shape[2:]))
        return out
