"""A small classifier of images, trained during an evaluation: Fréchet distances are taken between its features."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pkn.io.tensors import to_tensor
from pkn.sampling.batching import Callback, silent

FEATURES = 64
BATCH = 128
RATE = 2e-3


class Classifier(nn.Module):
    """Three convolutions, each followed by a maximum over 2 x 2 pixels, then features, then classes."""

    def __init__(self, size: int, channels: int, classes: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in ((channels, 16), (16, 32), (32, 64))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (16, 32, 64))
        self.features = nn.Linear(64 * (size // 8) ** 2, FEATURES)
        self.classes = nn.Linear(FEATURES, classes)

    def embed(self, images: Tensor) -> Tensor:
        """Features (N, FEATURES) of images (N, C, H, W) in [-1, 1]."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            images = F.max_pool2d(F.relu(norm(convolution(images))), 2)
        features: Tensor = self.features(images.flatten(1))
        return features

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classes(F.relu(self.embed(images)))
        return logits


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    epochs: int = 2,
    seed: int = 0,
    callback: Callback = silent,
) -> Classifier:
    """Train a classifier; the learning rate follows one cycle (Smith & Topin 2017, arXiv 1708.07120).

    Parameters
    ----------
    images : ndarray of shape (N, H, W, C), uint8
    labels : ndarray of shape (N,)
        Integers from 0 on.
    epochs, seed : int
    callback : callable
        ``callback(step, steps, {})`` is called after each step.
    """
    torch.manual_seed(seed)
    net = Classifier(images.shape[1], images.shape[3], int(labels.max()) + 1)
    rounds = max(1, len(images) // BATCH)  # in an epoch
    steps = epochs * rounds
    optimiser = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    random = np.random.default_rng(seed)
    for step in range(steps):
        if step % rounds == 0:
            order = random.permutation(len(images))
        chosen = order[step % rounds * BATCH :][:BATCH]
        loss = F.cross_entropy(net(to_tensor(images[chosen])), torch.from_numpy(labels[chosen]))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        callback(step + 1, steps, {})
    net.eval()
    return net


def accuracy(net: Classifier, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the images (N, H, W, C), uint8, that are classified correctly."""
    with torch.inference_mode():
        predicted = torch.cat(
            [net(to_tensor(part)).argmax(1) for part in np.array_split(images, -(-len(images) // 1000))]
        )
    return float((predicted.numpy() == labels).mean())
