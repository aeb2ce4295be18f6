"""Estimates of blur agree with the blur that was applied."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn


def degrade(sharp, blur, noise, seed=0):
    return (gaussian_filter(sharp, blur) + np.random.default_rng(seed).normal(0, noise, sharp.shape)).astype(np.float32)


def disc(size=160, radius=50):
    """Black and white, with edges in all directions, not aliased."""
    rows, columns = np.mgrid[:size, :size] - size / 2
    return np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1)


@pytest.mark.parametrize("contrast", [1.0, 0.02])
@pytest.mark.parametrize("blur", [0.5, 1.0, 2.0, 3.0])
def test_blur_is_estimated_whatever_the_contrast(blur, contrast):
    estimated = np.sqrt(np.linalg.eigvalsh(pkn.estimate_blur(contrast * gaussian_filter(disc(), blur))))
    np.testing.assert_allclose(estimated, blur, rtol=0.04 if blur >= 1 else 0.2)  # half a pixel is undersampled


@pytest.mark.parametrize("picture", ["camera", "moon", "coins"])
@pytest.mark.parametrize("blur", [0.8, 1.5, 2.5])
def test_blur_of_a_photograph_is_estimated_roughly(picture, blur):
    """The moon is soft itself, and of little contrast."""
    sharp = getattr(data, picture)() / np.float32(255)
    own, estimated = (np.linalg.eigvalsh(pkn.estimate_blur(degrade(sharp, b, 1 / 255))) for b in (0, blur))
    np.testing.assert_allclose(np.sqrt(estimated), np.sqrt(blur**2 + own), rtol=0.25)


@pytest.mark.parametrize("picture", ["camera", "astronaut"])
def test_sharp_photographs_are_recognised(picture):
    sharp = getattr(data, picture)() / 255
    covariance = pkn.estimate_blur(sharp, channel_axis=-1 if sharp.ndim == 3 else None)
    assert np.sqrt(np.linalg.eigvalsh(covariance)).max() < 0.65


@pytest.mark.parametrize("noise", [3, 10])
def test_noise_does_not_look_sharp(noise):
    noisy = degrade(data.camera() / np.float32(255), 1.5, noise / 255)
    assert 0.9 < np.sqrt(np.linalg.eigvalsh(pkn.estimate_blur(noisy))).min() < 1.7


@pytest.mark.parametrize("angle", [0, 30, 60, 90, 120, 150])
def test_the_direction_of_blur_is_estimated(angle):
    axis = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])  # (row, column)
    covariance = np.eye(2) + 8 * np.outer(axis, axis)
    f = np.fft.fftfreq(160)
    waves = np.stack(np.meshgrid(f, f, indexing="ij"), -1)
    h = np.exp(-2 * np.pi**2 * np.einsum("...i,ij,...j", waves, covariance, waves))
    variances, axes = np.linalg.eigh(pkn.estimate_blur(np.fft.ifft2(np.fft.fft2(disc()) * h).real))
    np.testing.assert_allclose(np.sqrt(variances), [1, 3], rtol=0.1)
    assert abs(axes[:, 1] @ axis) > np.cos(np.radians(8))


def test_blur_estimates_know_their_limits():
    assert np.linalg.eigvalsh(pkn.estimate_blur(np.round(disc())))[0] <= 0.35**2
    np.testing.assert_allclose(pkn.estimate_blur(np.full((5, 6), 0.3)), np.eye(2) * 0.09)
    np.testing.assert_allclose(pkn.estimate_blur(np.zeros((1, 1))), np.eye(2) * 0.09)
    ramp = np.linspace(0, 1, 400)[None] + np.linspace(0, 1, 300)[:, None]
    np.testing.assert_allclose(pkn.estimate_blur(ramp), np.eye(2) * 16)


def test_estimates_ignore_what_is_missing():
    image = gaussian_filter(disc(), 1.5)
    expected = pkn.estimate_blur(image)
    damaged, mask = image.copy(), np.ones(image.shape, bool)
    damaged[2, 3] = np.nan
    damaged[-5:, -5:], mask[-5:, -5:] = np.random.default_rng(0).random((5, 5)) * 9, False
    np.testing.assert_allclose(pkn.estimate_blur(damaged, mask=mask), expected, rtol=0.02, atol=0.03)
    colour = np.stack([image] * 3)
    np.testing.assert_allclose(pkn.estimate_blur(colour, channel_axis=0), expected, rtol=1e-6)
