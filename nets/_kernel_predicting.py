"""A generative model whose every step is a filter: a transformer predicts signed kernels for a pyramid of an image.

After "Generating Cats with KPN Filtering" (2025): patches, transformer, decoder, a filter head on each level; the
pyramid simplifies Neural Partitioning Pyramids (Balint et al. 2023); a small U-Net adds a drift.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import AnisotropicGaussianMaps, AnisotropicUpsampling, FreeKernel
from pkn.nets._bridge import apply_filter
from pkn.nets._time import sinusoids
from pkn.nets._transformer import Block, rotary_turns

GAUSSIAN = 3  # kx, ky, rho
WIDEST = 8.0  # of kx and ky, 1/px of the coarser level; the source's exp(-2 k^2 d^2), k < 4, is our exp(-k^2 d^2 / 2)
STEEPEST = 0.98  # of rho: keeps the precision matrix positive definite


@dataclass(frozen=True)
class KernelPredictingSettings:
    """Sizes of a :class:`KernelPredictingNet`; the default is the published configuration.

    Parameters
    ----------
    size : int
        Side of the (square) images, px; a multiple of ``2 ** len(decoder)``, which is the side of a patch.
    channels : int
        Of the images.
    width, blocks, heads, hidden : int
        Of the transformer; ``hidden`` features has its SwiGLU. (341, two thirds of the width, gives the published
        25.8 million weights.)
    decoder : tuple of int
        Channels at each level on the way up, coarsest first: so many levels has the pyramid.
    head_width : int
        Channels of a filter head.
    embedding : int
        Channels that patches are made of, and features of the time.
    radius : int
        Kernels have 2 radius + 1 pixels a side.
    normalization : {"tanh", "softmax"}
        Signed kernels, or positive ones that sum to 1.
    pyramid : bool
        Whether coarser levels are filtered too.
    drift : int
        Channels of the U-Net whose result is added; 0 for none.
    """

    size: int = 64
    channels: int = 3
    width: int = 512
    blocks: int = 16
    heads: int = 8
    hidden: int = 341
    decoder: tuple[int, ...] = (256, 128, 64)
    head_width: int = 32
    embedding: int = 16
    radius: int = 2
    normalization: str = "tanh"
    pyramid: bool = True
    drift: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", tuple(self.decoder))
        if self.size % self.patch:
            raise ValueError(f"size is {self.size}; expected a multiple of {self.patch} for {len(self.decoder)} levels")
        if self.width % (4 * self.heads):
            raise ValueError(f"width is {self.width}; expected a multiple of 4 times heads, {4 * self.heads}")

    @property
    def patch(self) -> int:
        return int(2 ** len(self.decoder))

    def for_images(self, size: int, channels: int) -> "KernelPredictingSettings":
        """The same for other images, with as many levels as divide their side.

        Raises
        ------
        ValueError
            If there can't be two.
        """
        levels = [number for number in range(2, len(self.decoder) + 1) if size % 2**number == 0]
        if not levels:
            raise ValueError(f"size is {size}; expected a multiple of 4 px (resize the images)")
        return replace(self, size=size, channels=channels, decoder=self.decoder[-levels[-1] :])


SETTINGS = {
    "published": KernelPredictingSettings(),
    "small": KernelPredictingSettings(width=256, blocks=6, hidden=672, decoder=(128, 64, 32), head_width=16),
    "tiny": KernelPredictingSettings(
        width=64, blocks=2, heads=2, hidden=168, decoder=(64, 32, 16), head_width=8, drift=0
    ),
}


class KernelMaps(NamedTuple):
    """What is done to an image: lists by level, finest first.

    ``logits`` (N, K * K, H, W) of the kernels; ``gaussians`` (N, 3, H, W), with which a level is enlarged to the next
    finer one; ``blends`` (N, 1, H, W): share of a level's own filtered image; ``drift`` (N, C, H, W), or None.
    """

    logits: list[Tensor]
    gaussians: list[Tensor]
    blends: list[Tensor]
    drift: Tensor | None


class KernelPredictingNet(nn.Module):
    """Predicts a clean image from a noisy one, z = t x + (1 - t) noise, by filtering it with predicted kernels.

    Images are in [-1, 1]; t = 0 is noise, t = 1 the image.
    """

    def __init__(self, settings: KernelPredictingSettings) -> None:
        super().__init__()
        self.settings = settings
        s = settings
        self.kernels = FreeKernel(s.radius, normalization=s.normalization)
        self.enlarge = AnisotropicUpsampling(s.radius, scale=2)
        self.look = nn.Conv2d(s.channels, s.embedding, 1)
        self.time = nn.Linear(s.embedding, s.embedding)
        self.patches = nn.Conv2d(s.embedding, s.width, s.patch, s.patch)
        self.blocks = nn.ModuleList(Block(s.width, s.heads, s.hidden) for _ in range(s.blocks))
        self.norm = nn.RMSNorm(s.width)
        steps = zip((s.width, *s.decoder), s.decoder, strict=False)
        self.ups = nn.ModuleList(_Residual(before, after) for before, after in steps)
        levels = range(len(s.decoder) if s.pyramid else 1)
        planes = (2 * s.radius + 1) ** 2 + GAUSSIAN + 1
        self.filter_heads = nn.ModuleList(_head(s.decoder[-1 - level], s.head_width, planes) for level in levels)
        self.drift = _Drift(s.channels, s.drift) if s.drift else None
        side = s.size // s.patch
        self.register_buffer("turns", rotary_turns(side, side, s.width // s.heads), persistent=False)

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """The clean image that is expected behind z (N, C, H, W) at times t (N,)."""
        return self.apply(z, self.predict(z, t))

    def predict(self, z: Tensor, t: Tensor) -> KernelMaps:
        """Kernels and all."""
        looked = self.look(z) + self.time(sinusoids(t, self.settings.embedding))[:, :, None, None]
        grid = self.patches(looked)
        tokens = grid.flatten(2).transpose(1, 2).float()
        for block in self.blocks:
            tokens = block(tokens, self.turns)
        found = self.norm(tokens).transpose(1, 2).unflatten(2, grid.shape[2:])
        found = found.contiguous(memory_format=torch.channels_last)
        heads = []
        for level, up in zip(reversed(range(len(self.ups))), self.ups, strict=True):
            found = up(F.interpolate(found, scale_factor=2, mode="nearest"))
            if level < len(self.filter_heads):
                heads.append(self.filter_heads[level](found).float())
        return self._split(heads[::-1], z)

    def _split(self, heads: list[Tensor], z: Tensor) -> KernelMaps:
        taps = (2 * self.settings.radius + 1) ** 2
        parts = [torch.split(head, [taps, GAUSSIAN, 1], 1) for head in heads]
        return KernelMaps(
            [logits.contiguous() for logits, _, _ in parts],
            [torch.cat([WIDEST * gauss[:, :2].sigmoid(), STEEPEST * gauss[:, 2:].tanh()], 1) for _, gauss, _ in parts],
            [blend.sigmoid() for _, _, blend in parts],
            None if self.drift is None else self.drift(z).float(),
        )

    def weights(self, logits: Tensor) -> Tensor:
        """Kernels (N, K * K, H, W) of their logits."""
        return logits.tanh() if self.settings.normalization == "tanh" else logits.softmax(1)

    def apply(self, z: Tensor, maps: KernelMaps) -> Tensor:  # type: ignore[override]
        """Filter z: down the pyramid by kernels and means of 2 x 2 pixels, up again by Gaussians and blends."""
        filtered: list[Tensor] = []
        for logits in maps.logits:
            image = F.avg_pool2d(filtered[-1], 2) if filtered else z
            filtered.append(apply_filter(self.kernels, image, self.kernels.Maps(logits)))
        out = filtered.pop()
        for level in reversed(range(len(filtered))):
            gaussians = AnisotropicGaussianMaps(*torch.split(maps.gaussians[level + 1], 1, 1))
            out = torch.lerp(apply_filter(self.enlarge, out, gaussians), filtered[level], maps.blends[level])
        return out if maps.drift is None else out + maps.drift


class _Residual(nn.Module):
    """Two 3 x 3 convolutions added to what comes in."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.straight = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.straight(image) + self.second(F.silu(self.first(F.silu(image))))
        return out


def _head(before: int, width: int, planes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 1),
        *(_Residual(width, width) for _ in range(2)),
        nn.SiLU(),
        nn.Conv2d(width, planes, 1),
    )


class _Drift(nn.Module):
    """A U-Net of three levels: what filtering can't do, an offset of low frequency. It isn't told the time."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.up = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(3))
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, image: Tensor) -> Tensor:
        levels = [F.silu(self.first(image))]
        for convolution in self.down:
            levels.append(F.silu(convolution(F.avg_pool2d(levels[-1], 2))))
        out = levels.pop()
        for convolution in self.up:
            skip = levels.pop()
            out = F.silu(convolution(F.interpolate(out, skip.shape[2:], mode="bilinear") + skip))
        drift: Tensor = self.last(out)
        return drift
