"""Camera noise has the moments of a Poisson and a Gaussian distribution."""

import numpy as np
import pytest

from pkn.degradations.camera_noise import GAINS, WIDTHS, add_camera_noise, draw_sensor, sensor_noise


def smooth(height=400, width=500):
    y, x = np.mgrid[:height, :width] / 300
    return (0.5 + 0.4 * np.sin(3 * x) * np.cos(2 * y)).astype(np.float32)


def test_moments_of_camera_noise():
    random, gain, read = np.random.default_rng(0), 0.02, 0.03
    for intensity in (0.1, 0.8):
        noisy = add_camera_noise(np.full(400_000, intensity), gain, read, random)
        assert noisy.mean() == pytest.approx(intensity, abs=1e-3)
        assert noisy.var() == pytest.approx(gain * intensity + read**2, rel=0.02)
        assert ((noisy - intensity) ** 3).mean() == pytest.approx(gain**2 * intensity, rel=0.2)  # Poisson's third
    np.testing.assert_array_equal(add_camera_noise(smooth(), 0.0, 0.0, random), smooth())


def test_drawn_sensors():
    gain, read, width = np.array([draw_sensor(np.random.default_rng(seed)) for seed in range(4000)]).T
    assert (gain.min(), gain.max()) == pytest.approx(GAINS, rel=0.01)
    assert np.mean(width == 0) == pytest.approx(0.25, abs=0.03)
    assert width.max() == pytest.approx(WIDTHS[1], rel=0.01)
    assert read.min() >= 0


def test_a_sensors_noise_has_its_variance_and_correlation():
    clean = np.full((1, 600, 600), 0.5, np.float32)
    noise = sensor_noise(clean, 0.02, 0.03, 0.8, np.random.default_rng(0))[0]
    assert noise.var() == pytest.approx(0.02 * 0.5 + 0.03**2, rel=0.03)
    taps = np.exp(-np.square(np.arange(-4, 5)) / (2 * 0.8**2))
    expected = (taps[1:] * taps[:-1]).sum() / np.square(taps).sum()
    assert np.mean(noise[1:] * noise[:-1]) / noise.var() == pytest.approx(expected, abs=0.02)
