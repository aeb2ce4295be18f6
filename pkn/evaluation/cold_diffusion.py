"""Evaluation of cold restorers as in Bansal et al. 2022 (arXiv 2208.09392): direct and step-by-step restoration.

Degraded and restored images are compared with the clean ones by Fréchet distance, SSIM, and RMSE (of [0, 1]).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from pkn.evaluation.distribution_metrics import frechet_distance
from pkn.evaluation.metrics import ssim
from pkn.io.tensors import to_pictures, to_tensor
from pkn.sampling.cold_diffusion import generated, restorations
from pkn.sampling.cold_model import ColdModel

Embed = Callable[[Tensor], np.ndarray]  # of images (N, C, H, W) in [-1, 1]


class Score(NamedTuple):
    """The scores of a way to restore images."""

    way: str
    distance: float
    ssim: float
    rmse: float


def scores(
    model: ColdModel,
    images: np.ndarray,
    embed: Embed,
    *,
    steps: int | None = None,
    threads: int = 1,
    eight_bits: bool = False,
) -> Iterator[Score]:
    """Scores of images (N, H, W, C), uint8: degraded, restored directly, by Algorithm 2, by Algorithm 1, ..."""
    clean = to_tensor(images)
    features = embed(clean)
    steps = steps or model.degradation.steps
    ways: dict[str, tuple[str, int]] = {"direct": ("algorithm_1", 1)}
    ways |= {f"Algorithm 2, {number} steps": ("algorithm_2", number) for number in (steps, few(steps))}
    ways[f"Algorithm 1, {steps} steps"] = ("algorithm_1", steps)
    if hasattr(model.degradation, "mixture"):
        ways["noise estimated"] = ("estimated", steps)
    restored = restorations(model, clean, list(ways.values()), threads=threads, eight_bits=eight_bits)
    truth = to_pictures(clean)
    for way, result in zip(["degraded", *ways], restored, strict=True):
        clipped = result.clamp(-1, 1)
        pictures = to_pictures(clipped)
        distance = frechet_distance(embed(clipped), features)
        yield Score(
            way,
            distance,
            float(np.mean(list(map(ssim, pictures, truth)))),
            float(np.sqrt(np.square(pictures - truth).mean())),
        )


def few(steps: int) -> int:
    """A quarter of the steps: errors of a step are passed on to the next, so fewer can be better."""
    return max(2, steps // 4)


def generation_scores(
    model: ColdModel, images: np.ndarray, embed: Embed, *, steps: int | None = None, threads: int = 1
) -> Iterator[tuple[str, float]]:
    """Fréchet distances of as many generated images, with and without the noise that breaks symmetry, and more."""
    features = embed(to_tensor(images))
    ways: dict[str, dict[str, Any]] = {
        "Algorithm 2": {},
        "Algorithm 2, symmetry not broken": {"noise": 0.0},
        "Algorithm 2, a quarter of the steps": {"steps": few(steps or model.degradation.steps)},
        "Algorithm 1": {"algorithm": "algorithm_1"},
        "in one step": {"algorithm": "algorithm_1", "steps": 1},
    }
    if hasattr(model.degradation, "mixture"):
        ways["noise estimated"] = {"algorithm": "estimated"}
    for way, options in ways.items():
        samples = generated(model, len(images), threads=threads, **{"steps": steps} | options)
        yield way, frechet_distance(embed(samples.clamp(-1, 1)), features)
