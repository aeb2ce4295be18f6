"""SqueezeNet 1.1 (Iandola et al. 2016, arXiv 1602.07360) as features for comparing images; weights from a file."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BGR_MEAN = (104.0, 117.0, 123.0)  # of the original training, 0..255
TAPS = (1, 4, 7, 9, 10, 11, 12)  # layers whose output LPIPS compares (Zhang et al. 2018, arXiv 1801.03924)
FIRES = {
    3: 16,
    4: 16,
    6: 32,
    7: 32,
    9: 48,
    10: 48,
    11: 64,
    12: 64,
}  # squeezed channels, by layer; torchvision's numbers
POOLS = (2, 5, 8)
SMALLEST = 17  # px; the pools leave nothing of smaller images


class SqueezeNet(nn.Module):
    """The convolutional part, frozen. Images (N, 3, H, W) are RGB in [-1, 1]; they are converted to BGR in 0..255."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 2), nn.ReLU()]
        channels = 64
        for number in range(2, 13):
            if number in POOLS:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                layers.append(_Fire(channels, FIRES[number]))
                channels = 8 * FIRES[number]
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(BGR_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of the layers ``TAPS``.

        Raises
        ------
        ValueError
            If the image is smaller than 17 x 17 px.
        """
        if min(image.shape[2:]) < SMALLEST:
            raise ValueError(f"image has shape {tuple(image.shape)}; expected at least {SMALLEST} x {SMALLEST} pixels")
        features, taps = (image.flip(1) + 1) * 127.5 - self.mean, []
        for number, layer in enumerate(self.features):
            features = layer(features)
            if number in TAPS:
                taps.append(features)
        return taps

    def embed(self, image: Tensor) -> Tensor:
        """Return the mean of the last features over all positions, (N, 512)."""
        last: Tensor = self(image)[-1]
        return last.mean((2, 3))


class PerceptualDistance(nn.Module):
    """Squared differences of normalised features, weighted by channel, averaged over positions, summed over layers.

    This is the form of LPIPS (Zhang et al. 2018, arXiv 1801.03924); it is LPIPS only with its weights and the backbone
    that they were fitted for.
    """

    def __init__(self, backbone: SqueezeNet, weights: list[Tensor] | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.weights = weights

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """Return the distances (N,) of images (N, 3, H, W)."""
        with torch.no_grad():
            targets = [_unit(features) for features in self.backbone(truth)]
        total = image.new_zeros(len(image))
        for layer, (features, target) in enumerate(zip(self.backbone(image), targets, strict=True)):
            squares = (_unit(features) - target).square()
            weighted = squares.mean(1) if self.weights is None else (squares * self.weights[layer]).sum(1)
            total = total + weighted.mean((1, 2))
        return total


def load_squeezenet(path: str | Path) -> SqueezeNet:
    """Read weights from an ``.npz`` file whose keys are those of torchvision's ``squeezenet1_1``.

    Raises
    ------
    ValueError
        If weights are missing or of other shapes.
    """
    net = SqueezeNet()
    try:
        with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            state = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
        net.load_state_dict({name: values for name, values in state.items() if not name.startswith("classifier")})
    except (ValueError, TypeError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"cannot load '{path}' as weights of SqueezeNet 1.1: {error}") from None
    return net.eval()


def load_lpips_weights(path: str | Path) -> list[Tensor]:
    """Read the channel weights of LPIPS, (1, C, 1, 1) for each layer, from its ``.pth`` file.

    Raises
    ------
    ValueError
        If the file is not one of LPIPS for SqueezeNet.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        weights = [state[f"lin{layer}.model.1.weight"].float().reshape(1, -1, 1, 1) for layer in range(len(TAPS))]
    except (KeyError, RuntimeError, AttributeError, TypeError, EOFError) as error:
        raise ValueError(f"cannot load '{path}' as weights of LPIPS for SqueezeNet: {error}") from None
    return weights


class _Fire(nn.Module):
    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
        self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        squeezed = F.relu(self.squeeze(image))
        return F.relu(torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-10).sqrt()
