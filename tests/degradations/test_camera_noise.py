"""Camera noise has the moments of a Poisson and a Gaussian distribution."""

import numpy as np
import pytest

from pkn.degradations.camera_noise import add_camera_noise, draw_camera_noise


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


def test_drawn_cameras_stay_within_the_largest_level():
    gain, read = draw_camera_noise(np.random.default_rng(0), 10_000, 0.2)
    sigma = np.sqrt(gain / 2 + read**2)
    assert sigma.max() <= 0.2 + 1e-6
    assert np.mean(sigma) == pytest.approx(0.1, abs=0.005)
    assert np.mean(gain / 2 / sigma**2) == pytest.approx(0.5, abs=0.02)
