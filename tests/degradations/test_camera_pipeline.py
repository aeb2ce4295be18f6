"""The simulated camera: development and its inverse, demosaicking, the noise it leaves."""

from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from pkn.degradations.any_noise import KINDS, AnyNoise, noisy_pair
from pkn.degradations.camera_pipeline import METHODS, Camera, bayer_sites, demosaic, draw_camera, photograph
from pkn.degradations.measured_noise import measured_curve

SCENE = data.astronaut()[100:196, 180:300] / 255
PLAIN = Camera(0.0, 0.0, (2.0, 1.5), np.eye(3), 0.4)


def psnr(a, b):
    return -10 * np.log10(np.mean((a - b) ** 2))


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_a_flat_scene_is_itself_and_a_photograph_nearly(method):
    camera = replace(PLAIN, method=method)
    flat = np.full((20, 24, 3), (0.3, 0.5, 0.6))
    for image in photograph(flat, camera, np.random.default_rng(0)):
        np.testing.assert_allclose(image, flat, atol=2e-4)
    noisy, clean = photograph(SCENE, camera, np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, clean)
    assert psnr(clean, SCENE) > 28  # what demosaicking loses


@pytest.mark.parametrize("pattern", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_demosaicking_keeps_the_mosaic_and_planes(pattern, method):
    sites = bayer_sites((16, 18), pattern)
    assert sum(site.sum() for site in sites) == 16 * 18
    assert sites[0][pattern[0], pattern[1]]
    y, x = np.mgrid[:16, :18]
    planes = np.stack([0.2 + 0.01 * x, 0.3 + 0.02 * y, 0.5 - 0.01 * x], axis=-1)
    mosaic = np.select(sites, [planes[..., 0], planes[..., 1], planes[..., 2]])
    out = demosaic(mosaic, sites, method)
    for k in range(3):
        np.testing.assert_allclose(out[..., k][sites[k]], mosaic[sites[k]], atol=1e-12)
    if method == "bilinear":
        np.testing.assert_allclose(out[3:-3, 3:-3], planes[3:-3, 3:-3], atol=1e-12)


def test_noise_has_the_variance_of_the_sensor_before_the_tone_curve():
    """Green, of which nothing is interpolated at its own sites: sRGB's slope times the sensor's deviation."""
    camera = replace(PLAIN, gain=0.001, read_noise=0.002, contrast=0.0, method="bilinear")
    noisy, clean = photograph(np.full((400, 400, 3), 0.5), camera, np.random.default_rng(0))
    linear = ((0.5 + 0.055) / 1.055) ** 2.4
    slope = 1.055 / 2.4 * linear ** (1 / 2.4 - 1)
    own = (noisy - clean)[..., 1][bayer_sites((400, 400), camera.pattern)[1]]
    assert own.std() == pytest.approx(slope * np.sqrt(0.001 * linear + 0.002**2), rel=0.02)


def test_smoothing_and_jpeg_make_blotches_of_noise():
    camera = replace(PLAIN, gain=0.002)
    flat = np.full((256, 256, 3), 0.5)

    def falloff(camera):
        noisy, clean = (image.transpose(2, 0, 1) for image in photograph(flat, camera, np.random.default_rng(0)))
        sigma = measured_curve(noisy, clean).sigma
        return (sigma[1] / sigma[0]).mean(1)

    plain, smooth = falloff(camera), falloff(replace(camera, smoothing=0.8))
    assert (plain > 0.5).all()
    assert (smooth > plain).all()
    assert falloff(replace(camera, quality=70))[1] > plain[1]  # chroma at half the resolution


def test_a_drawn_camera_is_plausible_and_seeds_decide():
    one, two = (draw_camera(np.random.default_rng(3)) for _ in range(2))
    assert one.gain == two.gain
    for seed in range(20):
        camera = draw_camera(np.random.default_rng(seed))
        assert 1e-4 <= camera.gain <= 0.02
        assert 0 < camera.read_noise < 0.1
        np.testing.assert_allclose(camera.matrix.sum(1), 1)
    assert draw_camera(np.random.default_rng(0), gain=0.5).gain == 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_pairs_have_the_noise_that_is_told(kind, channels):
    clean = SCENE.transpose(2, 0, 1)[:channels].astype(np.float32)
    level = {"white": 0.1, "camera": np.nan, "counts": 0.02}[kind]
    given, truth = noisy_pair(clean, np.random.default_rng(0), kind, level)
    assert given.shape == truth.shape == clean.shape
    curve = measured_curve(given, truth)
    assert curve.sigma.shape[1] == (2 if channels == 3 else 1)
    own = given - truth if channels == 1 else (given - truth).mean(0)
    assert np.sqrt(np.mean(curve.sigma[0, 0] ** 2)) == pytest.approx(own.std(), rel=0.05)
    if kind == "white":
        np.testing.assert_allclose(curve.sigma[1, 0] / curve.sigma[0, 0], 0.5, rtol=0.1)


def test_what_is_told_is_wrong_by_random_factors():
    clean = np.repeat(SCENE.transpose(2, 0, 1)[None, :1].astype(np.float32), 6, axis=0)
    task = AnyNoise(0.2)
    sample = task.degrade(clean, np.random.default_rng(0), kind="white", level=0.1, scale=1.0)
    told = np.array([curve.sigma[0, 0].mean() for curve in sample.told])
    assert 0.01 < np.std(np.log(told)) < 0.2
    np.testing.assert_allclose(np.mean(told), 0.1, rtol=0.1)


def test_the_share_of_white_noise_is_kept():
    kinds = AnyNoise(0.2, white_share=0.85).draw(np.random.default_rng(0), 20_000)["kind"]
    assert [np.mean(kinds == kind) for kind in KINDS] == pytest.approx([0.85, 0.1, 0.05], abs=0.01)
    with pytest.raises(ValueError, match=r"white_share is 1\.5; expected 0 to 1"):
        AnyNoise(0.2, white_share=1.5)
