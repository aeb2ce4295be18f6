"""Scores of cold restorers."""

import numpy as np
import pytest
import torch

from pkn.degradations.kinds import Blur
from pkn.evaluation.cold_diffusion import scores
from pkn.io.tensors import to_pictures, to_tensor
from pkn.sampling.cold_model import ColdModel


def test_scores_of_a_perfect_restorer():
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), np.uint8)
    model = ColdModel(lambda x, t: to_tensor(images), Blur((2.0,) * 6, 5))
    rows = {row.way: row for row in scores(model, images, lambda x: x.flatten(1)[:, :16].numpy())}
    restored = ["direct", "Algorithm 2, 6 steps", "Algorithm 2, 2 steps", "Algorithm 1, 6 steps"]
    assert list(rows) == ["degraded", *restored]
    blurred = to_pictures(Blur((2.0,) * 6, 5).sample(to_tensor(images), torch.Generator())(to_tensor(images), 6))
    assert rows["degraded"].rmse == pytest.approx(float(np.sqrt(np.square(blurred - images / 255).mean())), rel=1e-4)
    for way in restored:
        assert rows[way].rmse < 1e-5
        assert rows[way].ssim == pytest.approx(1, abs=1e-4)
        assert rows[way].distance < 1e-3 < rows["degraded"].distance
