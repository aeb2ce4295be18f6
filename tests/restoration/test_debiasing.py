"""pkn.debias: contrast comes back as the filter's own arithmetic says, and steps are chosen without the truth."""

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.filters import IsotropicGaussian
from pkn.restoration.debiasing import estimated_errors

SIGMA = 15 / 255


def gaussian(width, border="mirror"):
    return lambda image: IsotropicGaussian(radius=8, border=border)(image, sigma=width)


def noisy():
    clean = data.camera()[100:260, 150:330] / 255
    return clean, clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_a_wave_comes_back_by_one_minus_gain_to_the_steps(steps):
    """x_k = w (1 - (1 - h) (1 - rate h)^k) for a wave w with the gain h."""
    wave = np.cos(2 * np.pi * 4 * np.arange(48) / 48) * np.ones((20, 1))
    smooth = gaussian(1.5, "wrap")
    gain = smooth(wave)[0, 0] / wave[0, 0]
    restored = pkn.debias(smooth(wave), smooth, steps=steps, rate=0.7)
    np.testing.assert_allclose(restored, wave * (1 - (1 - gain) * (1 - 0.7 * gain) ** steps), atol=1e-10)


def test_errors_are_estimated_without_the_truth():
    clean, given = noisy()
    smooth = gaussian(2.0)
    estimated = estimated_errors(given, smooth, sigma=SIGMA, most=10, rng=0)
    real = [float(np.mean((pkn.debias(smooth(given), smooth, steps=k) - clean) ** 2)) for k in range(11)]
    np.testing.assert_allclose(estimated, real, rtol=0.12)
    assert abs(int(np.argmin(estimated)) - int(np.argmin(real))) <= 1


def test_too_much_smoothing_is_undone_and_right_smoothing_left():
    clean, given = noisy()

    def error(image):
        return float(np.mean((image - clean) ** 2))

    for width, factor in ((2.0, 0.75), (0.7, 1.0001)):
        smooth = gaussian(width)
        restored = pkn.debias(smooth(given), smooth, noisy=given, sigma=SIGMA, rng=0)
        assert error(restored) <= factor * error(smooth(given))


def test_maps_are_filters_that_know_their_noise():
    _, given = noisy()
    maps = pkn.predict_maps(given, net="isotropic-gaussian", sigma=SIGMA, strength=2.0)
    denoised = maps.apply(given)
    assert np.array_equal(pkn.debias(denoised, maps, steps=0), denoised)
    expected = denoised + 0.5 * (denoised - maps.apply(denoised))
    np.testing.assert_allclose(pkn.debias(denoised, maps, steps=1), expected, atol=1e-6)
    chosen = pkn.debias(denoised, maps, noisy=given, rng=0)
    assert np.array_equal(chosen, pkn.debias(denoised, maps, noisy=given, sigma=SIGMA, rng=0))
    assert not np.array_equal(chosen, denoised)


@pytest.mark.parametrize("net", ["any-noise", "pyramid", "bilateral"])
@pytest.mark.parametrize("sigma", [5 / 255, 25 / 255])
def test_it_never_loses_on_what_a_network_denoised(net, sigma):
    """Maps depend on the noise: held fixed, the pyramid's were sharpened by 8 steps, which cost 2 dB."""
    clean, _ = noisy()
    given = clean + sigma * np.random.default_rng(1).standard_normal(clean.shape)
    maps = pkn.predict_maps(given, net, sigma=sigma)
    denoised = maps.apply(given)
    estimated = estimated_errors(given, maps, most=4, rng=0)
    before, after = (
        float(np.mean((x - clean) ** 2)) for x in (denoised, pkn.debias(denoised, maps, noisy=given, rng=0))
    )
    assert estimated[0] == pytest.approx(before, abs=0.035 * sigma**2)  # four deviations of noise in so few pixels
    assert after <= 1.002 * before


def test_maps_set_by_hand_need_no_network_and_edited_ones_do():
    _, given = noisy()
    predicted = pkn.predict_maps(given, "isotropic-gaussian", sigma=SIGMA)
    by_hand = pkn.ParameterMaps(predicted.filter, {"sigma": np.full(given.shape, 2.0)})
    function = estimated_errors(given, by_hand.apply, sigma=SIGMA, most=3, rng=0)
    np.testing.assert_array_equal(estimated_errors(given, by_hand, sigma=SIGMA, most=3, rng=0), function)
    edited = predicted.replace(sigma=2 * predicted["sigma"])
    assert estimated_errors(given, edited, most=3, rng=0)[0] != estimated_errors(given, predicted, most=3, rng=0)[0]
    with pytest.raises(ValueError, match="expected the network that set the maps"):
        estimated_errors(given, predicted, net="bilateral")


def test_integers_are_fractions_of_their_range():
    image = data.camera()[:40, :50]
    smooth = gaussian(1.0)
    np.testing.assert_allclose(
        pkn.debias(image, smooth, steps=2), pkn.debias((image / 255).astype(np.float32), smooth, steps=2), atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "steps and noisy are None"),
        ({"steps": -1}, ValueError, "steps is -1; expected a whole number, 0 or more"),
        ({"steps": 1, "rate": 0}, ValueError, r"rate is 0; expected a number in \(0, 1\]"),
        ({"steps": 1.5}, ValueError, "steps is 1.5"),
        ({"noisy": np.zeros((9, 9)), "sigma": 0.1, "most": -1}, ValueError, "most is -1"),
        ({"noisy": np.zeros((8, 9)), "sigma": 0.1}, ValueError, r"noisy has shape \(8, 9\); expected denoised's"),
        ({"noisy": np.zeros((9, 9))}, ValueError, "sigma is None; expected a noise level above 0"),
        ({"noisy": np.zeros((9, 9)), "sigma": 0.0}, ValueError, "sigma is 0.0"),
        ({"noisy": np.zeros((9, 9), int), "sigma": 0.1}, TypeError, "noisy has dtype int64"),
        ({"filter": "gauss", "steps": 1}, TypeError, "filter is str; expected ParameterMaps or a function"),
    ],
)
def test_bad_input(options, error, message):
    with pytest.raises(error, match=message):
        pkn.debias(np.zeros((9, 9)), **{"filter": gaussian(1.0)} | options)
