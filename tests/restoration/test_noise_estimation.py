"""Noise profiles agree with the noise that was added: white, of photons, correlated, of a camera."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.optimize import nnls
from skimage import data

import pkn
from pkn.degradations.camera_noise import add_camera_noise, sensor_noise
from pkn.degradations.camera_pipeline import Camera, photograph
from pkn.degradations.measured_noise import measured_curve
from pkn.restoration.noise_estimation import ends_of_line

CASES = [(0.0, 10), (0.0, 30), (0.005, 5), (0.01, 0), (0.03, 10)]


def smooth(height=400, width=500):
    y, x = np.mgrid[:height, :width] / 300
    return (0.5 + 0.4 * np.sin(3 * x) * np.cos(2 * y)).astype(np.float32)


@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize(("gain", "read"), CASES)
def test_finds_what_was_put_into_a_smooth_scene(gain, read, offset):
    noisy = add_camera_noise(smooth(), gain, read / 255, np.random.default_rng(0)) + np.float32(offset)
    noise = pkn.estimate_noise(noisy)
    for intensity in (0.15, 0.5, 0.85):
        expected = np.sqrt(gain * intensity + (read / 255) ** 2)
        assert noise.at(intensity + offset) == pytest.approx(expected, rel=0.25)
        line = np.sqrt(max(noise.gain * (intensity + offset - noise.black) + noise.read_noise**2, 0))
        assert line == pytest.approx(expected, rel=0.15)
    assert noise.correlation < 0.3
    for level in (1, 2):
        assert noise.at(0.5 + offset, level) == pytest.approx(
            np.sqrt(gain / 2 + (read / 255) ** 2) / 2**level, rel=0.25
        )


@pytest.mark.parametrize("name", ["camera", "astronaut", "coffee"])
@pytest.mark.parametrize(("gain", "read"), CASES)
def test_finds_what_was_put_into_a_photograph(name, gain, read):
    image = getattr(data, name)()
    noisy = add_camera_noise(image / np.float32(255), gain, read / 255, np.random.default_rng(0))
    noise = pkn.estimate_noise(noisy, channel_axis=-1 if image.ndim == 3 else None)
    level = noise.at(0.5) * (np.sqrt(3) if noise.rgb else 1)
    assert level == pytest.approx(np.sqrt(gain / 2 + (read / 255) ** 2), rel=0.25)


@pytest.mark.parametrize("level", [5, 15, 25, 50])
def test_white_noise_is_known_within_a_few_percent(level):
    clean = data.camera() / 255
    noise = pkn.estimate_noise(clean + np.random.default_rng(0).normal(0, level / 255, clean.shape))
    assert 255 * noise.level == pytest.approx(level, rel=0.1 if level > 5 else 0.3)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [0.0, 0.5, 1.0])
def test_a_sensors_line_is_found_in_photographs(width, channels):
    """In the median of a few; benchmarks/noise_estimates.py has many."""
    ratios = []
    for seed, image in enumerate((data.astronaut(), data.coffee(), data.chelsea(), data.rocket())):
        clean = (image / np.float32(255)).transpose(2, 0, 1)
        clean = clean if channels == 3 else clean.mean(0, keepdims=True)
        noisy = clean + sensor_noise(clean, 0.01, 0.02, width, np.random.default_rng(seed))
        noise = pkn.estimate_noise(noisy if channels == 3 else noisy[0], channel_axis=0 if channels == 3 else None)
        ratios.append((noise.gain / 0.01, noise.correlation - width))
    gain, wider = np.median(ratios, axis=0)
    assert gain == pytest.approx(1, abs=0.15)
    assert wider == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("width", [0.5, 0.8, 1.2])
def test_spatially_correlated_noise_is_recognised(width):
    correlated = gaussian_filter(np.random.default_rng(0).standard_normal((800, 1000)), width)
    noise = pkn.estimate_noise(smooth(800, 1000) + 0.05 * correlated / correlated.std())
    assert noise.correlation == pytest.approx(width, abs=0.1)
    assert noise.at(0.5) == pytest.approx(0.05, rel=0.25)


def test_a_camera_leaves_noise_that_falls_more_slowly_over_scales():
    """Measured against the truth of a simulated photograph: luma and chroma, at three scales."""
    camera = Camera(0.004, 0.002, (2.0, 1.6), np.eye(3), 0.3, method="bilinear", quality=90)
    scene = np.repeat(smooth()[..., None], 3, axis=2) * (0.9, 0.8, 0.7)
    noisy, clean = (image.transpose(2, 0, 1) for image in photograph(scene, camera, np.random.default_rng(0)))
    truth, found = measured_curve(noisy, clean), pkn.estimate_noise(noisy, channel_axis=0)
    for level in range(3):
        for part, name in enumerate(("luma", "chroma")):
            expected = np.sqrt(np.mean(truth.sigma[level, part] ** 2))
            values = found.at(truth.intensity, level, name)
            assert 0.6 < np.sqrt(np.mean(values**2)) / expected < 1.7, (level, name)
    assert found.at(0.5, 1) > 0.6 * found.at(0.5, 0)


def test_clipped_constant_and_masked_parts_do_not_count():
    noisy = add_camera_noise(smooth(), 0.0, 20 / 255, np.random.default_rng(0))
    clipped = np.clip(noisy + 0.35, 0, 1)
    assert pkn.estimate_noise(clipped).at(0.6) == pytest.approx(20 / 255, rel=0.15)
    letterboxed = np.pad(noisy, [(800, 0), (0, 0)])
    assert pkn.estimate_noise(letterboxed).level == pytest.approx(20 / 255, rel=0.15)
    mask = np.ones(noisy.shape, bool)
    mask[:200] = False
    damaged = noisy.copy()
    damaged[:200] = np.random.default_rng(1).random((200, 500))
    assert pkn.estimate_noise(damaged, mask=mask).at(0.5) == pytest.approx(20 / 255, rel=0.1)
    damaged[:200] = np.nan
    assert pkn.estimate_noise(damaged).at(0.5) == pytest.approx(20 / 255, rel=0.1)


@pytest.mark.parametrize("share", [0.05, 0.33, 0.59, 0.85])
@pytest.mark.parametrize("how", ["scattered", "bar"])
def test_holes_are_no_pixels_without_noise(how, share):
    """Masked or not finite, for the default network and for one that knows white noise only."""
    random, scene = np.random.default_rng(2), data.camera() / 255
    noisy = (scene + random.normal(0, 15 / 255, scene.shape)).astype(np.float32)
    mask = random.random(scene.shape) > share if how == "scattered" else np.arange(512)[:, None] >= 512 * share
    mask = np.broadcast_to(mask, scene.shape)
    told = pkn.estimate_noise(np.where(mask, noisy, np.nan))
    assert told.level == pytest.approx(15 / 255, rel=0.35)
    assert pkn.estimate_noise(np.where(mask, noisy, 7), mask=mask).level == told.level
    white = pkn.predict_maps(noisy, "bilateral", mask=mask).provenance["sigma"]
    assert white == pytest.approx(15 / 255, rel=0.35)


def test_bars_do_not_count_for_white_noise_either():
    noisy = data.camera() / 255 + np.random.default_rng(2).normal(0, 15 / 255, (512, 512))
    noisy[:400] = 0.1
    assert pkn.predict_maps(noisy, "bilateral").provenance["sigma"] == pytest.approx(15 / 255, rel=0.25)


def test_a_constant_has_none_and_few_blocks_are_unsure():
    assert pkn.estimate_noise(np.full((40, 50), 0.3)).level == 0
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (300, 300))
    many, few = pkn.estimate_noise(noisy), pkn.estimate_noise(noisy[:12, :12])
    assert few.uncertainty > 2 * many.uncertainty


@pytest.mark.parametrize("channels", [0, 3])
def test_exposures_of_one_scene_tell_the_noise_exactly(channels):
    random, clean = np.random.default_rng(0), smooth(200, 240)
    clean = np.stack([clean] * channels, -1) if channels else clean
    frames = [add_camera_noise(clean, 0.01, 0.02, random) for _ in range(4)]
    noise = pkn.measure_noise(frames, channel_axis=-1 if channels else None)
    expected = np.sqrt(0.01 * 0.5 + 0.02**2) / (np.sqrt(3) if channels else 1)
    assert noise.at(0.5) == pytest.approx(expected, rel=0.03)
    assert noise.correlation == 0
    assert noise.gain == pytest.approx(0.01, rel=0.1)
    if not channels:
        flat = pkn.measure_noise([add_camera_noise(np.full_like(clean, 0.5), 0.01, 0.02, random)], flat=True)
        assert flat.at(0.5) == pytest.approx(expected, rel=0.03)
    with pytest.raises(ValueError, match="frames has 1 image; expected two or more"):
        pkn.measure_noise(frames[:1], channel_axis=-1 if channels else None)


def test_a_profile_is_kept_and_given_back(tmp_path):
    clean = smooth(160, 180)
    noisy = add_camera_noise(clean, 0.02, 0.01, np.random.default_rng(0))
    profile = pkn.measure_noise([add_camera_noise(clean, 0.02, 0.01, np.random.default_rng(k)) for k in (1, 2)])
    profile.save(tmp_path / "profile.json")
    loaded = pkn.NoiseProfile.load(tmp_path / "profile.json")
    np.testing.assert_array_equal(loaded.sigma, profile.sigma)
    np.testing.assert_array_equal(pkn.denoise(noisy, noise=loaded), pkn.denoise(noisy, noise=profile))
    error = np.sqrt(np.mean((pkn.denoise(noisy, noise=profile) - clean) ** 2))
    assert error < 0.25 * np.sqrt(np.mean((noisy - clean) ** 2))
    axes = profile.plot()
    assert len(axes.lines) == 2
    for text in ("", "{}", '{"format": 1}', loaded_without(tmp_path / "profile.json", "sigma")):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match="as a noise profile"):
            pkn.NoiseProfile.load(tmp_path / "bad.json")


def loaded_without(path: Path, name: str) -> str:
    return path.read_text().replace(f'"{name}"', '"other"')


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: pkn.estimate_noise(np.zeros((50, 50, 3))), ValueError, "channel_axis"),
        (lambda: pkn.denoise(np.eye(9), noise=0.1), TypeError, "noise is float; expected a pkn.NoiseProfile"),
        (
            lambda: pkn.denoise(np.eye(9), sigma=0.1, noise=pkn.estimate_noise(np.eye(9))),
            ValueError,
            "sigma and noise are both given",
        ),
        (
            lambda: pkn.denoise(np.zeros((9, 9, 3)), noise=pkn.estimate_noise(np.eye(9)), channel_axis=-1),
            ValueError,
            "noise is a profile of grey images; expected one of RGB images",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_signal_dependent_noise_is_denoised_better_than_as_white_noise():
    clean = data.astronaut()[:256, :256] / np.float32(255)
    noisy = add_camera_noise(clean, 0.02, 0.01, np.random.default_rng(0))

    def psnr(out):
        return -10 * np.log10(np.mean((out - clean) ** 2))

    ours = psnr(pkn.denoise(noisy, channel_axis=-1))
    assert ours > psnr(noisy) + 7
    assert ours > psnr(pkn.denoise(noisy, "pyramid", channel_axis=-1))  # which takes one noise level for all pixels


def test_of_a_large_image_some_tiles_are_looked_at():
    """On all threads: each of them runs kernels itself."""
    clean = np.tile(smooth(600, 700), (2, 2))
    noisy = add_camera_noise(clean, 0.0, 0.1, np.random.default_rng(0))
    assert noisy.shape > (1024, 1024)
    assert pkn.estimate_noise(noisy).level == pytest.approx(0.1, rel=0.1)
    expected = pkn.predict_maps(noisy).apply(noisy)
    np.testing.assert_array_equal(pkn.denoise(noisy), expected)


def test_noise_shows_in_an_image_of_few_grey_levels():
    """All of its pixels are clipped, at both ends."""
    noisy = smooth() + 0.5 * np.random.default_rng(0).standard_normal(smooth().shape)
    few = np.rint(noisy.clip(0, 1))
    assert pkn.estimate_noise(few).level > 0.2
    assert np.std(pkn.denoise(few) - smooth()) < 0.5 * np.std(few - smooth())


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_ends_of_a_line_are_the_nearest_above_zero(seed):
    random = np.random.default_rng(seed)
    part, scale = random.random(7), random.random(7) + 0.1
    terms, values = np.stack([1 - part, part], 1) * scale[:, None], random.normal(0.3, 1, 7) * scale
    np.testing.assert_allclose(ends_of_line(terms, values), nnls(terms, values)[0], atol=1e-9)
