"""Fine-tuning a network's last layers on a user's own noisy images, without a clean one.

Where frames of one scene are given, a denoised frame is held against another one (Noise2Noise; Lehtinen et al. 2018,
arXiv 1803.04189). Of a single image whose noise is known two are made by drawing noise z of the same kind,

    given = y + z / 2,   target = y - 2 z,

whose errors are independent for Gaussian noise (recorrupted-to-recorrupted; Pang et al. 2021), so that the mean squared
difference is an error and a constant too. The former has a quarter more noise power than y, and the network is told so.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from pkn.nets import MapNet, NoiseCurve, Predictor
from pkn.nets.map_net.architecture import SECOND
from pkn.nets.map_net.network import with_weights
from pkn.nets.map_net.predictor import Span
from pkn.restoration.noise_statistics import sample_of
from pkn.restoration.planes import told_of
from pkn.sampling.batching import Callback, silent

SIDE = 96  # px, of crops
BATCH = 4
SPREAD = 0.5  # of the noise that is drawn, in what the network sees
LOUDER = (1 + SPREAD**2) ** 0.5  # its noise level against the image's
LAST = ("heads.", "features.")  # layers that write maps
Pair = tuple[np.ndarray, np.ndarray]  # what the network sees, and what its result is held against, (C, H, W)


def pairs_of_frames(frames: np.ndarray, random: np.random.Generator) -> Iterator[Pair]:
    """Two of the frames (N, C, H, W) after another, without end."""
    while True:
        first, second = random.choice(len(frames), 2, replace=False)
        yield frames[first], frames[second]


def recorrupted_pairs(image: np.ndarray, draw: Callable[[], np.ndarray]) -> Iterator[Pair]:
    """Two images whose errors are independent, of one image (C, H, W) and draws of its noise, without end."""
    while True:
        noise = draw()
        yield image + SPREAD * noise, image - noise / SPREAD


def fine_tune(
    net: Predictor,
    pairs: Iterator[Pair],
    noise: Any,
    *,
    learnt: np.ndarray,
    steps: int,
    rate: float = 1e-3,
    random: np.random.Generator,
    callback: Callback = silent,
) -> MapNet:
    """Train the layers that write maps, those after the shared convolutions; the others stay.

    Parameters
    ----------
    net : Predictor
        To begin with; it isn't changed.
    pairs : iterator
        See :func:`pairs_of_frames` and :func:`recorrupted_pairs`.
    noise : float, NoiseProfile or None
        Of what the network sees; estimated from each image if None.
    learnt : bool array of shape (H, W)
        The pixels whose errors are minimised, so that others can judge.
    steps : int
        Of Adam, on four crops each.
    rate : float
        Its learning rate at first; it falls to 0 along a cosine.
    random : numpy.random.Generator
    callback : callable
        ``callback(done, total, info)``; ``info["loss"]`` is the step's.

    Returns
    -------
    MapNet
    """
    tuned = with_weights(net.architecture, net.weights)
    last = [weights for name, weights in tuned.named_parameters() if name.removeprefix(SECOND).startswith(LAST)]
    tuned.requires_grad_(False)
    for weights in last:
        weights.requires_grad_(True)
    optimiser = torch.optim.Adam(last, lr=rate)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        pair = next(pairs)
        told = told_of(net, sample_of(pair[0]), noise)
        given, targets, weights, levels = _batch(pair, told.noise, told.span, learnt, random)
        error = (tuned.denoise(given, levels) - targets).square() * weights
        loss = error.sum() / (weights.sum() * given.shape[1]).clamp(min=1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        callback(step + 1, steps, {"loss": loss.item()})
    return tuned


def _batch(pair: Pair, noise: Any, span: Span, learnt: np.ndarray, random: np.random.Generator) -> tuple[Any, ...]:
    """Crops of a pair, in units of its span: what the network sees, targets, weights of pixels, and their noise."""
    size = learnt.shape
    starts = [[int(random.integers(max(1, side - SIDE + 1))) for side in size] for _ in range(BATCH)]
    cuts = [np.s_[..., row : row + SIDE, column : column + SIDE] for row, column in starts]
    given, target = (
        torch.from_numpy(((np.stack([each[cut] for cut in cuts]) - span.black) / span.contrast).astype(np.float32))
        for each in pair
    )
    weights = torch.from_numpy(np.stack([learnt[cut][None] for cut in cuts]).astype(np.float32))
    if isinstance(noise, NoiseCurve):
        curve = NoiseCurve((noise.intensity - span.black) / span.contrast, noise.sigma / span.contrast)
        return given, target, weights, [curve] * BATCH
    return given, target, weights, torch.full((BATCH,), float(np.squeeze(noise)) / span.contrast)
