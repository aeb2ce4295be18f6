"""Commands that mirror verbs: predict-maps and its short form, debias, estimate-noise."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import pkn
from pkn.io.images import ImageFile, read_image, write_image


@pytest.fixture
def noisy(tmp_path):
    random = np.random.default_rng(0)
    clean = gaussian_filter(random.random((96, 120)), 4)
    clean = (clean - clean.min()) / np.ptp(clean)
    path = tmp_path / "in.tif"
    write_image(path, ImageFile(((clean + 0.1 * random.standard_normal(clean.shape)).astype(np.float32),)))
    return path


@pytest.mark.parametrize("name", ["predict-maps", "maps"])
def test_maps_are_those_of_the_library(run, tmp_path, noisy, name):
    result = run(name, noisy, tmp_path / "maps", "--net", "bilateral")
    assert result.exit_code == 0, result.output
    saved = pkn.ParameterMaps.load(tmp_path / "maps" / "maps.npz")
    wanted = pkn.predict_maps(read_image(noisy).pages[0], net="bilateral")
    assert all(np.array_equal(saved[key], wanted[key]) for key in wanted)
    assert (tmp_path / "maps" / "sigma_range.png").exists()


def test_debias_is_the_library(run, tmp_path, noisy):
    result = run("debias", noisy, tmp_path / "out.tif", "--net", "isotropic-gaussian", "--steps", 3)
    assert result.exit_code == 0, result.output
    image = read_image(noisy).pages[0]
    maps = pkn.predict_maps(image, net="isotropic-gaussian")
    wanted = pkn.debias(maps.apply(image), maps, steps=3)
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").pages[0], wanted)
    assert run("debias", noisy, tmp_path / "out2.tif").exit_code == 0  # as many steps as pay


def test_noise_is_printed(run, noisy):
    result = run("estimate-noise", noisy)
    assert result.exit_code == 0, result.output
    noise = pkn.estimate_noise(read_image(noisy).pages[0])
    assert f"{noise.level:.4g}" in result.output
    assert 255 * noise.level == pytest.approx(25.5, rel=0.15)


def test_a_profile_is_saved_drawn_and_given_back(run, noisy, tmp_path):
    profile, plot = tmp_path / "profile.json", tmp_path / "profile.png"
    result = run("estimate-noise", noisy, "--save", profile, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert read_image(plot).pages[0].std() > 0
    result = run("denoise", noisy, tmp_path / "out.tif", "--noise", profile, "--strength", "1")
    assert result.exit_code == 0, result.output
    pixels = read_image(noisy).pages[0]
    wanted = pkn.denoise(pixels, noise=pkn.NoiseProfile.load(profile), dtype="same")
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif").pages[0], wanted)


def test_transparent_pixels_are_no_noise(run, tmp_path):
    random = np.random.default_rng(0)
    pixels = random.normal(128, 20, (64, 96, 3)).clip(0, 255).astype(np.uint8)
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, :40] = 0
    pixels[:, :40] = 0
    write_image(tmp_path / "in.png", ImageFile((pixels,), (alpha,)))
    result = run("estimate-noise", tmp_path / "in.png")
    assert result.exit_code == 0, result.output
    refused = run("debias", tmp_path / "in.png", tmp_path / "out.png")
    assert refused.exit_code == 1
    assert "has transparent pixels; expected an opaque image" in refused.output
