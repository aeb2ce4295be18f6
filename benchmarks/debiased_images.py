"""Images of a kernel density estimate, smooth and sharp: `python -m benchmarks.debiased_images NET DATA [figure.png]`.

Fréchet distance to test images, precision and recall in features of a classifier that is trained in the run; and how
many samples are copies. Seeds are as many training images as there are test images, so half of the samples would be
nearer to the former by chance.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure

from pkn.evaluation.distribution_metrics import frechet_distance, nearest, precision_recall
from pkn.evaluation.features import FeatureSpace, classifier_features
from pkn.io.datasets import read_set
from pkn.io.tensors import to_tensor
from pkn.plotting.maps import save_figure
from pkn.sampling.cold_model import find_cold_model
from pkn.sampling.debiased import LEVELS, STEPS, debiased_samples

NUMBER = 2000  # samples
BANDWIDTHS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
RANGES = {0.5: ((0.5, 1.0), LEVELS), 1.0: (LEVELS, (0.5, 1.0))}  # all published ones, at both published bandwidths


class Figures(NamedTuple):
    """``nearer``: share nearer to a training image than to any test image; ``copies``: nearest to its own seed."""

    distance: float
    precision: float
    recall: float
    nearer: float
    copies: float


class Sets(NamedTuple):
    """Images as tensors, and the test images' features."""

    seeds: torch.Tensor
    test: torch.Tensor
    features: np.ndarray
    space: FeatureSpace

    def figures(self, samples: torch.Tensor) -> Figures:
        features = self.space(samples)
        flat = [images.flatten(1).numpy() for images in (samples, self.seeds, self.test)]
        (distance, near), (other, _) = (nearest(flat[0], images) for images in flat[1:])
        return Figures(
            frechet_distance(features, self.features),
            *precision_recall(features, self.features[: len(features)]),
            float((distance < other).mean()),
            float((near == np.arange(len(near))).mean()),
        )


def main(net: str, data: str, figure: str | None = None) -> None:
    torch.set_num_threads(1)
    model = find_cold_model(net)
    images = read_set(Path(data), channels=model.net.settings.channels)
    space = classifier_features(images, Path(data))
    random = np.random.default_rng(0)
    test = to_tensor(random.permutation(images.held_out))  # sets may be sorted by class
    chosen = random.permutation(len(images.training))[: len(test)]
    sets = Sets(to_tensor(images.training[chosen]), test, space(test), space)
    print(f"{NUMBER} samples; features of {space.name}\n")
    print("| bandwidth | noise levels | steps | distance | precision | recall | nearer to training | copies |")
    print("|" + "---|" * 8)
    row("", "", "training images", sets.figures(sets.seeds[:NUMBER]))
    curves: dict[str, list[tuple[float, Figures]]] = {"smooth (stage 1)": [], f"{STEPS} steps of stage 2": []}
    for alpha in (a for a in BANDWIDTHS if a <= 2 * model.degradation.read):
        for levels in RANGES.get(alpha, (LEVELS,)):
            states = debiased_samples(model, sets.seeds[:NUMBER], alpha, levels=levels, steps=2 * STEPS, threads=2)
            for step in (0, 1, 2, STEPS, 2 * STEPS) if alpha in RANGES else (0, STEPS):
                figures = sets.figures(states[step])
                row(f"{alpha:g}", "{:g} ... {:g}".format(*levels), step, figures)
                if levels == LEVELS and step in (0, STEPS):
                    list(curves.values())[step > 0].append((alpha, figures))
    if figure:
        draw(curves, Path(figure))


def row(alpha: str, levels: str, step: object, figures: Figures) -> None:
    shares = " | ".join(f"{share:.2f}" for share in figures[1:])
    print(f"| {alpha} | {levels} | {step} | {figures.distance:.1f} | {shares} |", flush=True)


def draw(curves: dict[str, list[tuple[float, Figures]]], path: Path) -> None:
    """Each of the figures over bandwidth, for both stages."""
    paper = Figure(figsize=(12.8, 3.2), layout="constrained")
    for index, axes in enumerate(paper.subplots(1, 4)):
        for name, points in curves.items():
            axes.plot([alpha for alpha, _ in points], [figures[index] for _, figures in points], "o-", label=name)
        axes.set(xlabel="bandwidth", title=("Fréchet distance", "precision", "recall", "nearer to training")[index])
        axes.set(xscale="log", xticks=BANDWIDTHS, xticklabels=[f"{alpha:g}" for alpha in BANDWIDTHS])
        axes.minorticks_off()
        axes.set(yscale="log") if index == 0 else axes.set(ylim=(0, 1.02))
    axes.legend()
    save_figure(paper, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
