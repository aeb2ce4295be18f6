"""Blur as a degradation is a sequence of Gaussian filters."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pkn.degradations.kinds import (
    Blur,
)


def images(number=4, seed=0):
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.standard_normal((number, 3, 20, 24)), (0, 0, 1, 1))
    return torch.from_numpy((smooth / np.abs(smooth).max()).astype(np.float32))


def sampled(degradation, x, seed=0):
    return degradation.sample(x, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("border", ["mirror", "wrap", "reflect", "nearest"])
def test_blurs_one_after_another(border):
    blur = Blur((0.7, 1.3, 2.0), 5, border)
    x = images(1)
    naive, names = x.numpy().astype(np.float64), {"mirror": "mirror", "wrap": "wrap"}
    for t, deviation in enumerate(blur.deviations, 1):
        each = gaussian_filter(naive[0], (0, deviation, deviation), mode=names.get(border, border), radius=(0, 2, 2))
        naive = each[None]
        np.testing.assert_allclose(sampled(blur, x)(x, t).numpy(), naive, atol=2e-6)


def test_blurs_compose():
    x, whole = images(1), Blur((1.0,) * 7, 9)
    degrade = sampled(whole, x)
    torch.testing.assert_close(degrade(degrade(x, 3), 4), degrade(x, 7), rtol=1e-4, atol=1e-6)


def test_all_blur_is_the_mean():
    x = images()
    flat = sampled(Blur((1.0,) * 6, 5, "wrap", to_mean=True), x)(x, 6)
    torch.testing.assert_close(flat, x.mean((2, 3), keepdim=True).expand_as(x), rtol=1e-4, atol=1e-6)
