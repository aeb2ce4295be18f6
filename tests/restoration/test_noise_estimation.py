"""Estimates of camera noise agree with the noise that was added."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn
from pkn.degradations.camera_noise import add_camera_noise
from pkn.restoration.noise_estimation import estimate_noise

CASES = [(0.0, 10), (0.0, 30), (0.005, 5), (0.01, 0), (0.03, 10)]


def smooth(height=400, width=500):
    y, x = np.mgrid[:height, :width] / 300
    return (0.5 + 0.4 * np.sin(3 * x) * np.cos(2 * y)).astype(np.float32)


@pytest.mark.parametrize(("gain", "read"), CASES)
def test_finds_what_was_put_into_a_smooth_scene(gain, read):
    noisy = add_camera_noise(smooth(), gain, read / 255, np.random.default_rng(0))
    noise = estimate_noise(noisy)
    for intensity in (0.15, 0.5, 0.85):
        assert noise.at(intensity) == pytest.approx(np.sqrt(gain * intensity + (read / 255) ** 2), rel=0.1)
    assert noise.correlation == 0
    expected = np.sqrt(gain * smooth() + (read / 255) ** 2)
    np.testing.assert_allclose(noise.sigma_map, expected, rtol=0.25)
    assert np.median(noise.sigma_map / expected) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee"])
@pytest.mark.parametrize(("gain", "read"), CASES)
def test_finds_what_was_put_into_a_photograph(name, gain, read):
    image = getattr(data, name)()
    clean = image / np.float32(255)
    noisy = add_camera_noise(clean, gain, read / 255, np.random.default_rng(0))
    noise = estimate_noise(noisy, channel_axis=-1 if image.ndim == 3 else None)
    assert noise.at(0.5) == pytest.approx(np.sqrt(gain / 2 + (read / 255) ** 2), rel=0.2)


@pytest.mark.parametrize("width", [0.5, 0.8, 1.2])
def test_spatially_correlated_noise_is_recognised(width):
    correlated = gaussian_filter(np.random.default_rng(0).standard_normal((800, 1000)), width)
    noise = estimate_noise(smooth(800, 1000) + 0.05 * correlated / correlated.std())
    assert noise.correlation == pytest.approx(width, abs=0.12)
    assert noise.at(0.5) == pytest.approx(0.05, rel=0.2)


def test_noise_that_decreases_with_intensity_has_a_negative_gain():
    """Linear light with white noise, then a gamma of 2.2: dark parts have more of it."""
    linear = smooth() ** 2.2 + 0.01 * np.random.default_rng(0).standard_normal(smooth().shape)
    noise = estimate_noise(np.maximum(linear, 0) ** (1 / 2.2))
    assert noise.gain < 0
    assert noise.at(0.3) > 1.5 * noise.at(0.8) > 0
    assert noise.sigma_map.min() >= 0


def test_clipped_and_masked_blocks_do_not_count():
    noisy = add_camera_noise(smooth(), 0.0, 20 / 255, np.random.default_rng(0))
    clipped = np.clip(noisy + 0.35, 0, 1)
    assert estimate_noise(clipped).at(0.6) == pytest.approx(20 / 255, rel=0.15)
    mask = np.ones(noisy.shape, bool)
    mask[:200] = False
    damaged = noisy.copy()
    damaged[:200] = np.random.default_rng(1).random((200, 500))
    assert estimate_noise(damaged, mask=mask).at(0.5) == pytest.approx(20 / 255, rel=0.1)
    damaged[:200] = np.nan
    assert estimate_noise(damaged).at(0.5) == pytest.approx(20 / 255, rel=0.1)


def test_constants_and_dtypes():
    assert estimate_noise(np.full((40, 50), 0.3)).at(0.3) == 0
    eight = np.rint(np.clip(add_camera_noise(smooth(), 0.0, 10 / 255, np.random.default_rng(0)), 0, 1) * 255)
    levels = [
        estimate_noise(image).at(0.5) for image in (eight.astype(np.uint8), eight.astype(np.uint16) * 257, eight / 255)
    ]
    np.testing.assert_allclose(levels, levels[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: estimate_noise(np.zeros((10, 50))), "image is 10 x 50; expected at least 18 x 18"),
        (lambda: estimate_noise(np.zeros((50, 50, 3))), "channel_axis"),
        (
            lambda: estimate_noise(np.zeros((50, 50)), mask=np.eye(50, dtype=bool)),
            "image has no block",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_camera_network_takes_the_noise_level_at_each_pixel():
    clean = data.astronaut()[:256, :256] / np.float32(255)
    noisy = add_camera_noise(clean, 0.02, 0.01, np.random.default_rng(0))

    def error(out):
        return -10 * np.log10(np.mean((out - clean) ** 2))

    ours = error(pkn.denoise(noisy, "camera", channel_axis=-1))
    assert ours > error(noisy) + 7
    assert ours > error(pkn.denoise(noisy, "pyramid", channel_axis=-1))  # which takes one noise level for all pixels
