"""Stein's estimate against errors that are known."""

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.evidence.risk import STEP
from pkn.filters import IsotropicGaussian

CAMERA = data.camera()[100:228, 150:310].astype(np.float32) / 255
SENSOR = pkn.NoiseProfile.of_sensor(gain=0.01, read_noise=0.02)


def counts(random):
    photons = random.poisson(CAMERA / SENSOR.gain) * SENSOR.gain
    return (photons + SENSOR.read_noise * random.standard_normal(CAMERA.shape)).astype(np.float32)


def white(random):
    return CAMERA + np.float32(0.1) * random.standard_normal(CAMERA.shape).astype(np.float32)


@pytest.mark.parametrize(("draw", "told"), [(white, {"sigma": 0.1}), (counts, {"noise": SENSOR})])
@pytest.mark.parametrize("net", ["any-noise", "bilateral"])
def test_estimates_are_the_errors_in_the_mean(draw, told, net):
    """Over six draws: each within four of its standard errors, and the mean within 5 %."""
    if net == "bilateral" and "noise" in told:
        pytest.skip("one kind of noise is enough for a network of white noise")
    random, ratios = np.random.default_rng(0), []
    for _ in range(6):
        noisy = draw(random)
        true = np.mean((pkn.denoise(noisy, net, **told) - CAMERA) ** 2)
        risk = pkn.sure(noisy, net, rng=0, **told)
        assert abs(risk.mse - true) < 4 * risk.standard_error
        ratios.append(risk.mse / true)
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)


def test_a_linear_filter_has_the_divergence_that_theory_says(monkeypatch):
    """Of a Gaussian filter J is known, so the estimate is |f - y|^2 - s^2 + 2 s^2 w(0), but for the probes."""
    gaussian = IsotropicGaussian(6)
    monkeypatch.setattr("pkn.evidence.chain.denoise", lambda image, *_, **__: gaussian(image, sigma=1.2))
    random = np.random.default_rng(1)
    noisy = white(random)
    centre = gaussian(np.pad([[1.0]], 12), sigma=1.2)[12, 12]
    wanted = np.mean((gaussian(noisy, sigma=1.2) - noisy) ** 2) - 0.01 + 0.02 * centre
    assert pkn.sure(noisy, sigma=0.1, probes=60, rng=0).mse == pytest.approx(wanted, abs=1e-4)


def test_smaller_steps_give_the_same_derivative(monkeypatch):
    """In strong noise, where filters are least linear: a tenth of the noise would be 4 % off."""
    noisy = CAMERA + np.float32(0.2) * np.random.default_rng(0).standard_normal(CAMERA.shape).astype(np.float32)
    one = pkn.sure(noisy, sigma=0.2, rng=0, probes=2).mse
    monkeypatch.setattr("pkn.evidence.risk.STEP", STEP / 4)
    assert one == pytest.approx(pkn.sure(noisy, sigma=0.2, rng=0, probes=2).mse, rel=0.005)


def test_the_map_is_the_error_around_each_pixel():
    """Half of the image is flat, half is noise-like texture, which is lost: there the risk is larger."""
    random = np.random.default_rng(0)
    clean = np.full((96, 128), 0.5, np.float32)
    clean[:, 64:] += 0.1 * random.standard_normal((96, 64)).astype(np.float32)
    noisy = clean + np.float32(0.1) * random.standard_normal(clean.shape).astype(np.float32)
    risk = pkn.sure(noisy, sigma=0.1, rng=0)
    error = (pkn.denoise(noisy, sigma=0.1) - clean) ** 2
    for half in (np.s_[:, :48], np.s_[:, 80:]):
        assert risk.map[half].mean() == pytest.approx(error[half].mean(), rel=0.25, abs=2e-4)
    assert risk.map[:, 80:].mean() > 3 * risk.map[:, :48].mean()
    assert risk.psnr() == pytest.approx(-10 * np.log10(risk.mse))


def test_gaps_colours_and_integers():
    random = np.random.default_rng(0)
    rgb = np.stack([CAMERA, CAMERA[::-1], 1 - CAMERA], -1)[:64, :80]
    noisy = (rgb + 0.05 * random.standard_normal(rgb.shape)).astype(np.float32)
    true = np.mean((pkn.denoise(noisy, sigma=0.05, channel_axis=-1) - rgb) ** 2)
    risk = pkn.sure(noisy, sigma=0.05, channel_axis=-1, rng=0)
    assert abs(risk.mse - true) < 4 * risk.standard_error
    assert risk.map.shape == (64, 80)
    eight_bits = (255 * noisy[..., 0].clip(0, 1)).round().astype(np.uint8)
    assert np.isfinite(pkn.sure(eight_bits, sigma=0.05, rng=0).mse)
    noisy[10:20, 10:20] = np.nan
    assert np.isfinite(pkn.sure(noisy, sigma=0.05, channel_axis=-1, rng=0).mse)
    mask = np.zeros((64, 80), bool)
    mask[:, :40] = True
    assert np.isfinite(pkn.sure(noisy, sigma=0.05, channel_axis=-1, rng=0, mask=mask).mse)


def test_an_estimated_noise_level_makes_it_less_sure():
    noisy = white(np.random.default_rng(0))
    known, estimated = pkn.sure(noisy, sigma=0.1, rng=0), pkn.sure(noisy, rng=0)
    assert estimated.standard_error > 1.5 * known.standard_error
    with pytest.raises(ValueError, match="probes is 0; expected a whole number"):
        pkn.sure(noisy, probes=0)
