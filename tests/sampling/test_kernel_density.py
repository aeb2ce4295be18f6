"""Bandwidths and samples of kernel density estimates."""

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde

from pkn.sampling.kernel_density import bandwidth, draw, kernel_samples


def test_rules_of_bandwidth_are_scipys():
    data = np.random.default_rng(0).standard_normal((300, 2)) * 1.7
    deviation = np.sqrt(data.var(0, ddof=1).mean())
    for rule in ("scott", "silverman"):
        assert bandwidth(data, rule) == pytest.approx(gaussian_kde(data.T, rule).factor * deviation)


def test_cross_validation_adapts_to_two_clusters():
    random = np.random.default_rng(0)
    data = np.concatenate([random.normal(-5, 0.3, (150, 1)), random.normal(5, 0.3, (150, 1))])
    assert bandwidth(data, "cross-validated") < 0.3 * bandwidth(data, "silverman")


@pytest.mark.parametrize(
    ("data", "rule", "message"),
    [
        (np.zeros((9, 2)), "best", "rule is 'best'"),
        (np.zeros((3, 2)), "scott", r"data is of shape \(3, 2\); expected \(5 or more"),
    ],
)
def test_bad_bandwidths(data, rule, message):
    with pytest.raises(ValueError, match=message):
        bandwidth(data, rule)


def test_draws_have_the_variance_of_data_and_kernel():
    data = np.random.default_rng(0).normal(0, 2.0, (500, 3))
    drawn = draw(data, 1.5, 100_000, np.random.default_rng(1))
    np.testing.assert_allclose(drawn.var(0), data.var(0) + 1.5**2, rtol=0.03)


def test_draws_of_integers_are_floats():
    drawn = draw(np.full((50, 2), 100, np.uint8), 1.0, 20_000, np.random.default_rng(0))
    assert float(drawn.std()) == pytest.approx(1, rel=0.02)


def test_samples_of_arrays_and_tensors_are_the_same():
    random = np.random.default_rng(0)
    centres, noise = random.random((4, 3), np.float32), random.standard_normal((4, 3), np.float32)
    samples = kernel_samples(torch.from_numpy(centres), 0.3, torch.from_numpy(noise))
    np.testing.assert_array_equal(samples.numpy(), kernel_samples(centres, 0.3, noise))
