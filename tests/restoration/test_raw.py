"""Denoising of mosaics: of arrays, and of raw files from end to end."""

import dng
import numpy as np
import pytest
import rawpy

import pkn
from pkn.evaluation.metrics import psnr
from pkn.io.images import read_image
from pkn.restoration.raw import MIXING


def as_seen(counts):
    """Fractions with a tone curve, in which errors count as they are seen."""
    return ((np.asarray(counts, float) - dng.BLACK) / (dng.WHITE - dng.BLACK)).clip(0, 1) ** (1 / 2.2)


def developed(path):
    with rawpy.imread(str(path)) as raw:
        return raw.postprocess(output_bps=16, no_auto_bright=True, adjust_maximum_thr=0.0, use_camera_wb=True) / 65535


@pytest.fixture
def exposure():
    clean = dng.mosaic_of(dng.scene(240, 320))
    return dng.exposed(clean, np.random.default_rng(0)), clean ** (1 / 2.2)


def test_noise_goes_and_its_model_helps(exposure):
    counts, clean = exposure
    levels = {"black": dng.BLACK, "white": dng.WHITE}
    known = pkn.NoiseProfile.of_sensor(0.002, 0.003)
    estimated, told = (as_seen(pkn.denoise_raw(counts, noise=noise, **levels)) for noise in (None, known))
    for out in (estimated, told):
        assert psnr(out, clean) > psnr(as_seen(counts), clean) + 2.5


def test_black_levels_and_odd_sizes(exposure):
    """Each position of the pattern has its black level; the order of rows or columns doesn't matter."""
    counts = exposure[0][:101, :119].astype(np.float32)
    settings = {"noise": pkn.NoiseProfile.of_sensor(0.002, 0.003), "white": dng.WHITE}
    darkest = np.array([[500, 510], [512, 530]])
    out = pkn.denoise_raw(counts, black=darkest, **settings)
    assert out.shape == counts.shape
    shifts = np.tile(darkest, (51, 60))[:101, :119] - 500
    spans = (dng.WHITE - 500 - shifts) / (dng.WHITE - 500)
    level = pkn.denoise_raw((500 + (counts - 500 - shifts) / spans).astype(np.float32), black=500, **settings)
    np.testing.assert_allclose(out, 500 + shifts + spans * (level - 500), rtol=1e-4)


def test_planes_are_mixed_and_mixed_back(exposure):
    np.testing.assert_allclose(MIXING @ MIXING.T, np.eye(4), atol=1e-15)
    counts = exposure[0][:40, :60].astype(np.float32) / 16383
    mixed = np.tensordot(MIXING, np.stack([counts[y::2, x::2] for y, x in np.ndindex(2, 2)]).astype(float), 1)
    clean = [pkn.denoise(plane.astype(np.float32), sigma=0.02) for plane in mixed]
    expected = np.tensordot(MIXING.T, np.stack(clean), 1)
    out = pkn.denoise_raw(counts, sigma=0.02)
    for plane, (y, x) in zip(expected, np.ndindex(2, 2), strict=True):
        np.testing.assert_allclose(out[y::2, x::2], plane, atol=1e-6)


def test_settings(exposure):
    counts = exposure[0][:64, :64]
    levels = {"black": dng.BLACK, "white": dng.WHITE}
    np.testing.assert_allclose(pkn.denoise_raw(counts, strength=0, **levels), counts, rtol=1e-5)
    same = pkn.denoise_raw(counts, dtype="same", **levels)
    assert same.dtype == np.uint16
    np.testing.assert_allclose(same, pkn.denoise_raw(counts, **levels), atol=0.51)
    strong, weak = (pkn.denoise_raw(counts, sigma=sigma, **levels).astype(float).std() for sigma in (0.1, 0.001))
    assert strong < weak
    profile = pkn.NoiseProfile.of_sensor(0.002, 0.003)
    by_colour = pkn.denoise_raw(counts, noise=dict.fromkeys("RGB", profile), **levels)
    np.testing.assert_array_equal(by_colour, pkn.denoise_raw(counts, noise=profile, **levels))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pattern": "RGB"}, "pattern is 'RGB'"),
        ({"black": [1, 2]}, r"black is \[1, 2\]"),
        ({"black": 2, "white": 1}, "expected white above black"),
        ({"noise": {"R": None}}, "noise has R; expected B, G of the pattern too"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        pkn.denoise_raw(np.ones((8, 8), np.float32), **settings)
    with pytest.raises(ValueError, match="expected at least 2 x 2"):
        pkn.denoise_raw(np.ones((1, 8), np.float32))


def test_a_colour_without_a_profile_is_named():
    with pytest.raises(TypeError, match="noise has None for a colour"):
        pkn.denoise_raw(np.ones((8, 8), np.float32), noise=dict.fromkeys("RGB"))


def test_a_known_sensor():
    profile = pkn.NoiseProfile.of_sensor(0.01, 0.02, black=0.1, white=2.0)
    np.testing.assert_allclose(profile.at([0.1, 1.1]), [0.02, np.sqrt(0.01 + 0.0004)], rtol=1e-3)
    assert profile.at(1.1, level=2) == pytest.approx(profile.at(1.1) / 4)
    for bad in ({"gain": -1.0, "read_noise": 0.1}, {"gain": 0.1, "read_noise": np.nan}):
        with pytest.raises(ValueError, match="expected a number of at least 0"):
            pkn.NoiseProfile.of_sensor(**bad)
    with pytest.raises(ValueError, match="white above black"):
        pkn.NoiseProfile.of_sensor(0.1, 0.1, black=1)


def test_command_from_raw_file_to_tiff(run, tmp_path):
    clean = dng.mosaic_of(dng.scene(240, 320))
    dng.write_dng(tmp_path / "in.dng", dng.exposed(clean, np.random.default_rng(0)), noise=[(0.002, 9e-6)])
    dng.write_dng(tmp_path / "clean.dng", (dng.BLACK + clean * (dng.WHITE - dng.BLACK)).astype(np.uint16))
    result = run("denoise", tmp_path / "in.dng", tmp_path / "out.tif")
    assert result.exit_code == 0, result.output
    noisy, truth = (developed(tmp_path / name) for name in ("in.dng", "clean.dng"))
    ours = read_image(tmp_path / "out.tif").pages[0] / 65535
    assert psnr(ours, truth) > psnr(noisy, truth) + 2.3
    assert run("denoise", tmp_path / "in.dng", tmp_path / "out.dng").exit_code == 0
    assert "expected .dng, .tif" in run("denoise", tmp_path / "in.dng", tmp_path / "out.png").output
    assert "with a raw file" in run("denoise", tmp_path / "in.dng", tmp_path / "a.tif", "--maps", tmp_path / "m").output


def test_command_without_rawpy_says_what_to_install(run, tmp_path, monkeypatch):
    (tmp_path / "in.dng").touch()
    monkeypatch.setattr("pkn.cli._shared.find_spec", lambda name: None)
    result = run("denoise", tmp_path / "in.dng", tmp_path / "out.tif")
    assert (result.exit_code, "pip install 'procedural-kernels[raw]'" in result.output) == (1, True)
