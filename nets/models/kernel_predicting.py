"""A generative model whose steps are filters: a transformer predicts signed kernels for a pyramid of the image.

After "Generating Cats with KPN Filtering" (2025) and its public script: patches, rotary position embedding,
transformer, decoder, a filter head on each pyramid level, and a low-frequency drift that is added.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.filters import AnisotropicUpsampling, FreeKernel
from pkn.nets.models.partition_pyramid import KernelMaps, filter_pyramid
from pkn.nets.models.time_embedding import sinusoids
from pkn.nets.models.transformer import Block, rotary_angles, rotate

GAUSSIAN = 3  # kx, ky, rho
# Upper bound of kx and ky, 1/px of the coarser level. The source's exp(-2 k^2 d^2), k < 4, is exp(-k^2 d^2 / 2) here.
NARROWEST = 8.0
INITIAL = 1.5  # kx and ky at first: about a linear interpolation
STEEPEST = 0.98  # upper bound of |rho|: keeps the precision matrix positive definite
DRIFT_LEVELS = 3  # halvings before the drift is computed from the image
DEVIATION = 0.5  # of images in [-1, 1], for gains
DRIFT_SHARE = 4  # a decoded drift has a quarter of the resolution


@dataclass(frozen=True)
class KernelPredictingSettings:
    """Sizes of a :class:`KernelPredictingNet`; the default is the published configuration.

    Parameters
    ----------
    size : int
        Side of the (square) images, px; a multiple of ``2 ** len(decoder)``, which is the side of a patch.
    channels : int
        Channels of the images.
    width, blocks, heads, hidden : int
        Sizes of the transformer; ``hidden`` is the width of its SwiGLU. (341, two thirds of the width, gives the
        published 25.8 million weights.)
    decoder : tuple of int
        Channels of the decoder at each pyramid level, coarsest first. These levels are filtered; the image below the
        coarsest of them is not.
    head_width : int
        Channels of a filter head.
    embedding : int
        Channels of the embedding of pixels, and features of the time.
    radius : int
        Kernels have 2 radius + 1 pixels a side.
    normalization : {"tanh", "softmax"}
        Signed kernels, or positive ones that sum to 1.
    pyramid : bool
        Whether coarser levels are filtered too.
    drift : int
        Channels of the network that predicts the drift; 0 for no drift.
    decoded_drift : bool
        Whether the drift is decoded from the tokens, which know the time and all of the image, at a quarter of the
        resolution. (In the publication a network of its own predicts it from the image, and isn't told the time.)
    gains : bool
        Whether a level's image is multiplied by the factor that is best for a single pixel of it, x = gain z: about 0
        in noise, where kernels would otherwise have to be 0 to within a hundredth. (Not in the publication.)
    skips : bool
        Whether each level of the decoder has the image at its own resolution as an input. (Not in the publication,
        where only tokens are decoded.)
    guiding : KernelPredictingSettings, optional
        Of a worse network for the same images, ``net.guiding``, which is no part of a prediction: samplers go away
        from what it predicts (see :func:`pkn.sampling.guidance.guided`).

    Raises
    ------
    ValueError
        If ``size``, ``width`` or ``guiding`` doesn't fit the other settings.
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
    decoded_drift: bool = False
    gains: bool = False
    skips: bool = False
    guiding: "KernelPredictingSettings | None" = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "decoder", tuple(self.decoder))
        if self.size % self.patch:
            raise ValueError(f"size is {self.size}; expected a multiple of {self.patch} for {len(self.decoder)} levels")
        if self.width % (4 * self.heads):
            raise ValueError(f"width is {self.width}; expected a multiple of 4 times heads, {4 * self.heads}")
        if self.guiding is not None:
            images, expected = (self.guiding.size, self.guiding.channels), (self.size, self.channels)
            if images != expected:
                raise ValueError(f"guiding is for images of (size, channels) {images}; expected {expected}")

    @property
    def patch(self) -> int:
        return int(2 ** len(self.decoder))

    def for_images(self, size: int, channels: int) -> "KernelPredictingSettings":
        """Return settings for images of another size, with as many levels as it can be halved.

        Raises
        ------
        ValueError
            If the size is no multiple of 4.
        """
        levels = [number for number in range(2, len(self.decoder) + 1) if size % 2**number == 0]
        if not levels:
            raise ValueError(f"size is {size}; expected a multiple of 4 px (resize the images)")
        return replace(self, size=size, channels=channels, decoder=self.decoder[-levels[-1] :])


_MEDIUM = KernelPredictingSettings(
    width=320,
    blocks=8,
    hidden=848,
    decoder=(128, 64, 32),
    head_width=16,
    decoded_drift=True,
    gains=True,
    skips=True,
)
SETTINGS = {
    "published": KernelPredictingSettings(),
    "medium": _MEDIUM,
    "small": replace(_MEDIUM, width=256, blocks=6, hidden=672),
    "guiding": replace(_MEDIUM, width=128, blocks=3, heads=4, hidden=336, decoder=(64, 32, 16), head_width=8),
    "tiny": KernelPredictingSettings(
        width=64, blocks=2, heads=2, hidden=168, decoder=(64, 32, 16), head_width=8, drift=0, skips=True
    ),
}


class KernelPredictingNet(nn.Module):
    """Predicts a clean image from a noisy one, z = (1 - t) x + t noise, by filtering it with predicted kernels.

    Images are in [-1, 1]; t = 0 is the image and t = 1 noise, as for all restorers of the package. (The source's t is
    1 - t here.)
    """

    angles: Tensor

    def __init__(self, settings: KernelPredictingSettings) -> None:
        super().__init__()
        self.settings = s = settings
        self.kernels = FreeKernel(s.radius, normalization=s.normalization)
        self.enlarge = AnisotropicUpsampling(s.radius, scale=2)
        self.embed = nn.Conv2d(s.channels, s.embedding, 1)
        self.time = nn.Linear(s.embedding, s.embedding)
        self.patches = Patches(s.embedding, s.width, s.patch, s.patch)
        self.blocks = nn.ModuleList(Block(s.width, s.heads, s.hidden) for _ in range(s.blocks))
        self.norm = nn.RMSNorm(s.width)
        widths = (s.width, *s.decoder)
        steps = list(zip(widths, s.decoder, strict=False))
        self.decoder = nn.ModuleList(Residual(before, after) for before, after in steps)
        self.skips = nn.ModuleList(nn.Conv2d(s.embedding, before, 1) for before, _ in steps if s.skips)
        self.heads = nn.ModuleList(_head(channels, s) for channels in s.decoder[-1 if not s.pyramid else 0 :])
        decoded = widths[len(s.decoder) - 2] if s.decoded_drift else None
        self.drift = Drift(s.channels, s.drift, s.size, decoded) if s.drift else None
        side = s.size // s.patch
        self.register_buffer("angles", rotary_angles(side, side, s.width), persistent=False)
        self.guiding = KernelPredictingNet(s.guiding) if s.guiding is not None else None

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """Predict the clean image from z (N, C, H, W) at times t (N,)."""
        return self.apply(z, self.predict(z, t))

    def predict(self, z: Tensor, t: Tensor) -> KernelMaps:
        """Predict the kernels and all other maps for z (N, C, H, W) at times t (N,)."""
        inputs = self.embed(z) + self.time(sinusoids(t, self.settings.embedding))[:, :, None, None]
        features = self._tokens(inputs)
        heads, seen = [], [features]
        for number, step in enumerate(self.decoder):
            # Linear, not nearest: repeated pixels left a checkerboard at the Nyquist frequency.
            features = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            if self.settings.skips:
                factor = inputs.shape[2] // features.shape[2]
                features = features + self.skips[number](F.avg_pool2d(inputs, factor) if factor > 1 else inputs)
            features = step(features)
            seen.append(features)
            if (head := number - len(self.decoder) + len(self.heads)) >= 0:
                heads.append(self.heads[head](features).float())
        drift = None
        if self.drift is not None:
            drift = self.drift(seen[len(self.decoder) - 2] if self.settings.decoded_drift else z)
        maps = self._maps(heads[::-1], drift)
        return maps._replace(gains=[gain(t, level) for level in range(len(heads) + 1)]) if self.settings.gains else maps

    def _tokens(self, inputs: Tensor) -> Tensor:
        """Return the transformer's features (N, width, H / patch, W / patch)."""
        grid = self.patches(inputs)
        tokens = rotate(grid.flatten(2).transpose(1, 2).float(), self.angles)
        for block in self.blocks:
            tokens = block(tokens)
        features: Tensor = self.norm(tokens).transpose(1, 2).unflatten(2, grid.shape[2:])
        return features.contiguous(memory_format=torch.channels_last)

    def _maps(self, heads: list[Tensor], drift: Tensor | None) -> KernelMaps:
        taps = (2 * self.settings.radius + 1) ** 2
        if not self.settings.pyramid:
            return KernelMaps([head.contiguous() for head in heads], [], [], drift)
        parts = [torch.split(head, [taps, GAUSSIAN, 1], 1) for head in heads]
        return KernelMaps(
            [logits.contiguous() for logits, _, _ in parts],
            [
                torch.cat([NARROWEST * gauss[:, :2].sigmoid(), STEEPEST * gauss[:, 2:].tanh()], 1)
                for _, gauss, _ in parts
            ],
            [blend.sigmoid() for _, _, blend in parts],
            drift,
        )

    def weights(self, logits: Tensor) -> Tensor:
        """Return kernels (N, K * K, H, W) from their logits."""
        return logits.tanh() if self.settings.normalization == "tanh" else logits.softmax(1)

    def apply(self, z: Tensor, maps: KernelMaps) -> Tensor:  # type: ignore[override]
        """Filter z (N, C, H, W) with the maps."""
        return filter_pyramid(z, maps, self.kernels, self.enlarge)


def gain(t: Tensor, level: int) -> Tensor:
    """The factor g that is best for x = g z, z = (1 - t) x + t noise, where noise is halved ``level`` times.

    After the preconditioning of Karras et al. 2022 (arXiv 2206.00364).
    """
    signal, noise = (1 - t) * DEVIATION, t / 2**level
    factor: Tensor = signal * DEVIATION / (signal.square() + noise.square())
    return factor


class Patches(nn.Conv2d):
    """A convolution of patches that don't overlap, as a product of matrices.

    In bfloat16 on processors with AMX, oneDNN's convolution of 16 channels by 8 x 8 or 4 x 4 pixels (PyTorch 2.13)
    reads wrong pixels, from two images on.
    """

    def forward(self, image: Tensor) -> Tensor:
        side = self.kernel_size[0]
        pixels = F.pixel_unshuffle(image, side).permute(0, 2, 3, 1)
        return F.linear(pixels, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Residual(nn.Module):
    """A residual block of two 3 x 3 convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.straight = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.straight(image) + self.second(F.silu(self.first(F.silu(image))))
        return out


def _head(channels: int, settings: KernelPredictingSettings) -> nn.Sequential:
    """Return a filter head; at first kernels are averages, Gaussians about linear interpolation, and blends 1/2."""
    s = settings
    taps = (2 * s.radius + 1) ** 2
    last = nn.Conv2d(s.head_width, taps + (GAUSSIAN + 1) * s.pyramid, 1)
    bias = torch.zeros(last.out_channels)
    bias[:taps] = math.atanh(1 / taps)  # for softmax any constant does
    bias[taps : taps + 2] = math.log(INITIAL / (NARROWEST - INITIAL))
    last.bias = nn.Parameter(bias)
    with torch.no_grad():
        last.weight *= 0.1
    residuals = (Residual(s.head_width, s.head_width) for _ in range(2))
    return nn.Sequential(nn.Conv2d(channels, s.head_width, 1), *residuals, nn.SiLU(), last)


class Drift(nn.Module):
    """Predicts a low-frequency image that is added to the filtered one, in full precision.

    From the image the time is no input, and there are no connections around the coarsest level, an eighth of the size.
    The source enlarges by three more blocks; here the image is the first few cosines of the discrete cosine transform,
    so that it has no frequencies above ``1 / 16`` cycles per pixel.

    With ``features`` it is decoded from so many features at a quarter of the size, and has none above ``1 / 8``. In
    nearly pure noise signed kernels would have to turn every pixel's noise into the image, which they learn slowly.
    """

    enlarge: Tensor

    def __init__(self, channels: int, width: int, size: int, features: int | None = None) -> None:
        super().__init__()
        halvings = range(1, DRIFT_LEVELS + 1) if features is None else ()
        levels = max(number for number in (0, *halvings) if size % 2**number == 0)
        side = size // (2**levels if features is None else DRIFT_SHARE)
        self.first = nn.Conv2d(features or channels, width, 3, padding=1)
        self.down = nn.ModuleList(Residual(width, width) for _ in range(levels))
        self.last = nn.Conv2d(width, channels, 3, padding=1)
        with torch.no_grad():
            self.last.weight *= 0.1
        self.register_buffer("enlarge", cosine_interpolation(side, size), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        with torch.autocast(image.device.type, enabled=False):
            features = self.first(image.float())
            for block in self.down:
                features = block(F.avg_pool2d(features, 2))
            drift: Tensor = self.enlarge @ self.last(F.silu(features)) @ self.enlarge.T
        return drift


def cosine_interpolation(before: int, after: int) -> Tensor:
    """Return the matrix (after, before) that resamples a row by its zero-padded discrete cosine transform."""
    wave = torch.arange(before, dtype=torch.float64)
    coarse, fine = ((torch.arange(n, dtype=torch.float64) + 0.5) * math.pi / n for n in (before, after))
    forward = torch.cos(wave[:, None] * coarse) * 2 / before
    forward[0] /= 2
    return (torch.cos(fine[:, None] * wave) @ forward).float()
