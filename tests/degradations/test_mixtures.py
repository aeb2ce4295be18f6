"""Mixtures of images and noise."""

import numpy as np
import torch

from pkn.degradations.mixtures import cosine_mixture


def test_the_cosine_is_nichols_and_dhariwals():
    t, offset = np.arange(201), 0.008
    f = np.cos((t / 200 + offset) / (1 + offset) * np.pi / 2) ** 2
    np.testing.assert_allclose(cosine_mixture(200).signal(torch.from_numpy(t)), np.sqrt(f / f[0]), atol=1e-6)
