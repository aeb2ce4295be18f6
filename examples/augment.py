"""
More data for a classifier
==========================

A classifier of digits from ten of each: alone, with noisy copies, and with samples of a density around them.

Usage: ``python augment.py [folder] [mnist.npz]``. Needs pkn[train].

After Qin & Huang 2025: a kernel density estimate, debiased. The bundled network that takes part learnt from MNIST's
60,000 images without their labels. Without MNIST at hand, the digits are scikit-learn's, enlarged.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from pkn.evaluation.classifier import accuracy, train_classifier
from pkn.io.datasets import read_labels, read_set
from pkn.io.tensors import to_pictures, to_tensor
from pkn.plotting.image_grid import write_grid
from pkn.sampling.cold_model import find_cold_model
from pkn.sampling.debiased import debiased_samples
from pkn.sampling.kernel_density import kernel_samples

EACH, SAMPLES, BANDWIDTH, LEVELS, IMAGES = 10, 10, 0.5, (0.5, 1.0), 12_000


def enlarged(digit: np.ndarray) -> np.ndarray:
    image = Image.fromarray((digit * 255 / 16).astype(np.uint8)).resize((20, 20), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(image), 4)[..., None]


def as_integers(images: torch.Tensor) -> np.ndarray:
    return (to_pictures(images.clamp(-1, 1)) * 255).round().astype(np.uint8)


folder = Path(sys.argv[1] if len(sys.argv) > 1 else "augmented")
folder.mkdir(exist_ok=True)
random = np.random.default_rng(0)
if len(sys.argv) > 2:
    images, (labels, test_labels) = read_set(sys.argv[2], channels=1), read_labels(Path(sys.argv[2]))
    digits, test = images.images, images.test
else:
    digits, labels = np.stack(list(map(enlarged, load_digits().images))), load_digits().target
few = np.concatenate([random.choice(np.flatnonzero(labels == label), EACH, False) for label in range(10)])
if len(sys.argv) <= 2:
    test, test_labels = np.delete(digits, few, 0), np.delete(labels, few)

chosen = np.tile(few, SAMPLES)  # as often each image itself as something made of it
seeds = to_tensor(digits[chosen])
smooth, *_, sharp = debiased_samples(find_cold_model("mnist-noise"), seeds, BANDWIDTH, levels=LEVELS, threads=2)
noisy = kernel_samples(seeds, BANDWIDTH, torch.from_numpy(random.standard_normal(seeds.shape, np.float32)))
shown = torch.stack([seeds, noisy.clamp(-1, 1), smooth, sharp], 1)[: 10 * EACH : EACH // 3].flatten(0, 1)
write_grid(folder / "augmented.png", to_pictures(shown), 16)
names = "alone", "with noisy copies", "with smooth samples", "with sharp ones"
for name, added in zip(names, (seeds, noisy, smooth, sharp), strict=True):
    learnt = np.concatenate([digits[chosen], as_integers(added)])
    net = train_classifier(learnt, np.tile(labels[chosen], 2), epochs=IMAGES // len(learnt))
    print(f"{EACH} of each digit {name}: {100 * accuracy(net, test, test_labels):.1f} % right of {len(test)}")

# sphinx_gallery_thumbnail_path = 'debiased-digits.png'
