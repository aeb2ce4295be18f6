"""Noise that is drawn has the deviations, colours and correlations that were asked for."""

from dataclasses import replace

import numpy as np
import pytest

import pkn
from pkn.evidence.drawn_noise import noise_draws, variance

RANDOM = np.random.default_rng(0)
SENSOR = pkn.NoiseProfile.of_sensor(gain=0.01, read_noise=0.02)


def drawn(clean, noise, seed=0):
    return noise_draws(clean, noise)(np.random.default_rng(seed))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_white(dtype):
    z = drawn(np.zeros((3, 100, 100), dtype), 0.2)
    assert z.dtype == dtype
    assert z.std() == pytest.approx(0.2, rel=0.02)
    np.testing.assert_array_equal(z, drawn(np.zeros((3, 100, 100), dtype), 0.2))


def test_a_level_for_each_pixel():
    levels = np.full((100, 100), 0.1)
    levels[:, 50:] = 0.3
    z = drawn(np.zeros((1, 100, 100)), levels)[0]
    assert (z[:, :50].std(), z[:, 50:].std()) == (pytest.approx(0.1, rel=0.03), pytest.approx(0.3, rel=0.03))


def test_counts_vary_as_their_intensity():
    clean = np.repeat([[[0.1], [0.9]]], 20_000, axis=2)
    np.testing.assert_allclose((drawn(clean, SENSOR) ** 2).mean(2)[0], [0.0014, 0.0094], rtol=0.03)
    np.testing.assert_allclose(variance(clean, SENSOR)[0, :, 0], [0.0014, 0.0094], rtol=0.03)


@pytest.mark.parametrize("width", [0.0, 0.8, 1.5])
def test_correlated_noise_keeps_its_deviation(width):
    z = drawn(np.full((1, 256, 256), 0.5), replace(SENSOR, correlation=width))[0]
    assert z.std() == pytest.approx(SENSOR.at(0.5), rel=0.03)
    neighbours = np.mean(z[:, 1:] * z[:, :-1]) / np.mean(z**2)
    assert neighbours == pytest.approx(np.exp(-1 / (4 * width**2)) if width else 0, abs=0.03)  # of a Gaussian blur


def test_luma_and_chroma():
    """Chroma twice as noisy as luma: each of R, G and B has the variance of luma and two of chroma."""
    sigma = np.repeat([[[0.1], [0.2]]], SENSOR.sigma.shape[0], axis=0).repeat(SENSOR.intensity.size, axis=2)
    profile = replace(SENSOR, sigma=sigma)
    clean = np.full((3, 200, 200), 0.5)
    z = drawn(clean, profile)
    assert z.mean(0).std() == pytest.approx(0.1, rel=0.02)
    np.testing.assert_allclose(z.var((1, 2)), 0.09, rtol=0.03)
    np.testing.assert_allclose(variance(clean, profile), 0.09, rtol=1e-6)
