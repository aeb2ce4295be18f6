"""What the parts of the sampler's network are worth: `python -m benchmarks.ablation cats64.zip squeezenet.npz`.

Small networks on images of 32 x 32 pixels, the same number of steps each, by squared error alone.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pkn.degradations.mixtures import interpolate
from pkn.evaluation.features import squeezenet_features
from pkn.evaluation.samplers import distance_of_samples, embedder
from pkn.io.datasets import ImageSet, read_set
from pkn.io.tensors import to_tensor
from pkn.nets.models.kernel_predicting import SETTINGS, KernelPredictingNet
from pkn.nets.registry import load_restorer, to_config
from pkn.training.objectives import NoiseObjective
from pkn.training.restorer import RestorerPlan, RestorerTraining

SIZE, STEPS, SAMPLES = 32, 1000, 500
TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)
WHOLE = replace(SETTINGS["small"], size=SIZE, width=128, blocks=3, hidden=336)
VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "without drift": {"drift": 0},
    "without pyramid": {"pyramid": False},
    "positive kernels that sum to 1": {"normalization": "softmax"},
    "positive kernels, without drift": {"normalization": "softmax", "drift": 0},
}


def main(data: str, features: str, steps: int = STEPS, samples: int = SAMPLES) -> None:
    torch.set_num_threads(1)
    images, embed = read_set(data, size=SIZE), embedder(squeezenet_features(Path(features)))
    print(f"| {steps} steps | {' | '.join(f'dB at t = {t:g}' for t in TIMES)} | Fréchet distance |")
    print("|---" * (len(TIMES) + 2) + "|")
    for name, change in VARIANTS.items():
        net = trained(replace(WHOLE, **change), images, steps)
        distance = distance_of_samples(net, images, samples, embed, rng=0, steps=32, threads=2)
        print(f"| {name} | {' | '.join(f'{psnr(net, images, t):.2f}' for t in TIMES)} | {distance:.1f} |", flush=True)


def trained(settings: Any, images: ImageSet, steps: int) -> Any:
    torch.manual_seed(0)
    net = KernelPredictingNet(settings)
    plan = RestorerPlan(to_config(net), {"error": "squared"}, "", parts=2, rate=1e-3, mirror=True, averaging=0.995)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "net.safetensors")
        RestorerTraining(plan, net, images.training, NoiseObjective().loss(), half=True).run(out, float("inf"), steps)
        return load_restorer(out)


def psnr(net: Any, images: ImageSet, t: float) -> float:
    """Of the predicted held-out images."""
    random = np.random.default_rng(0)
    clean = to_tensor(images.held_out)
    z = interpolate(clean, torch.from_numpy(random.standard_normal(clean.shape, np.float32)), t)
    with torch.inference_mode():
        error = ((net(z, torch.full((len(z),), t)) - clean) / 2).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
