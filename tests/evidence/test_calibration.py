"""Strengths that are chosen are better, or the default's."""

import numpy as np
import pytest
from skimage import data
from skimage.restoration import calibrate_denoiser

import pkn

CAMERA = data.camera()[60:220, 150:310].astype(np.float32) / 255


def frames(number, level=0.1):
    return CAMERA + np.float32(level) * np.random.default_rng(0).standard_normal((number, *CAMERA.shape)).astype(
        np.float32
    )


def errors(image, net, strengths, **options):
    options = {"sigma": options["sigma"]} if options.get("noise") is None else {"noise": options["noise"]}
    return {s: np.mean((pkn.denoise(image, net, strength=s, **options) - CAMERA) ** 2) for s in strengths}


def test_frames_correct_a_noise_level_that_was_told_wrong():
    """Half the true one; the gain is that which the truth shows."""
    stack = frames(4)
    found = pkn.calibrate(stack, "bilateral", stack_axis=0, sigma=0.05)
    before, after = (
        np.mean((pkn.denoise(stack[0], **settings) - CAMERA) ** 2)
        for settings in ({"net": "bilateral", "sigma": 0.05}, found.settings)
    )
    assert found.method == "frames"
    assert found.noise.level == pytest.approx(0.1, rel=0.3)
    assert after < 0.9 * before
    assert found.gain == pytest.approx(before - after, rel=0.3)


def test_frames_find_the_strength_that_the_truth_would():
    stack = frames(4)
    found = pkn.calibrate(stack, "bilateral", stack_axis=0, sigma=0.1)
    true = errors(stack[0], "bilateral", (1.0, found.strength, 0.5, 2.0), noise=found.noise, **found.told)
    assert true[found.strength] <= 1.005 * min(true.values())


def test_steins_estimate_finds_it_too():
    """Of a network that is bound to its noise level by half: told to the estimate alone, by way of a map."""
    noisy = frames(1)[0]
    found = pkn.calibrate(noisy, "isotropic-gaussian", sigma=0.1, strengths=(0.5, 1.0, 2.0), rng=0)
    true = errors(noisy, "isotropic-gaussian", (0.5, 1.0, 2.0), sigma=0.1)
    assert true[found.strength] <= 1.005 * min(true.values())


def test_without_a_certain_gain_the_default_stays():
    told, untold = pkn.calibrate(frames(1)[0], sigma=0.1, rng=0), pkn.calibrate(frames(1)[0], rng=0)
    for found in (told, untold):
        assert (found.strength, found.gain, found.method) == (1.0, 0.0, "sure")
    assert 0 < told.standard_error < untold.standard_error


def test_colours_have_two_strengths():
    random = np.random.default_rng(0)
    rgb = np.stack([CAMERA, CAMERA, CAMERA], -1)  # grey: chroma is noise alone
    stack = (rgb + 0.1 * random.standard_normal((3, *rgb.shape))).astype(np.float32)
    found = pkn.calibrate(stack, stack_axis=0, channel_axis=-1, sigma=0.05, strengths=(1.0, 1.5))
    assert found.noise.level == pytest.approx(0.1, rel=0.02)
    assert found.strength == (1.0, 1.5)


ROWS, COLUMNS = np.mgrid[:128, :160]
WEAVE = (0.5 + 0.15 * np.sin(1.3 * COLUMNS) * np.sin(0.9 * ROWS)).astype(np.float32)  # unlike any photograph


@pytest.mark.parametrize("units", [1.0, 1000.0])
def test_last_layers_learn_an_unknown_texture_without_a_clean_image(units):
    """The gain is the true one, in any unit, and of pixels that weren't learnt by."""
    clean = units * WEAVE
    noisy = clean + np.float32(0.1 * units) * np.random.default_rng(0).standard_normal(WEAVE.shape, np.float32)
    found = pkn.calibrate(noisy, sigma=0.1 * units, strengths=(1.0, 0.7), fine_tune=30, rng=0)
    assert found.net != "any-noise"
    before, after = (
        np.mean((pkn.denoise(noisy, **settings) - clean) ** 2) for settings in ({"sigma": 0.1 * units}, found.settings)
    )
    assert after < 0.8 * before
    assert found.gain == pytest.approx(before - after, abs=4 * found.standard_error)


def test_frames_correct_a_noise_estimate_that_takes_texture_for_noise():
    stack = WEAVE + np.float32(0.1) * np.random.default_rng(0).standard_normal((4, *WEAVE.shape), np.float32)
    found = pkn.calibrate(stack, stack_axis=0, strengths=(1.0, 0.7))
    assert pkn.estimate_noise(stack[0]).level > 0.11
    assert found.noise.level < 0.105
    errors = [np.mean((pkn.denoise(stack[0], **options) - WEAVE) ** 2) for options in ({}, found.settings)]
    assert errors[1] < 0.9 * errors[0]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_network_that_knows_its_images_hardly_changes(seed):
    noisy = CAMERA + np.float32(0.1) * np.random.default_rng(seed).standard_normal(CAMERA.shape, np.float32)
    found = pkn.calibrate(noisy, sigma=0.1, strengths=(1.0, 0.7), fine_tune=4, rng=0)
    before, after = (np.mean((pkn.denoise(noisy, **how) - CAMERA) ** 2) for how in ({"sigma": 0.1}, found.settings))
    assert after <= 1.002 * before  # 0.01 dB


def test_scikit_image_calibrates_it():
    """``calibrate_denoiser`` takes pkn.denoise as it is."""
    best = calibrate_denoiser(frames(1)[0][:96, :96], pkn.denoise, {"strength": [0.1, 1.0], "sigma": [0.1]})
    assert best.keywords["denoiser_kwargs"]["strength"] == 1.0


def test_refusals():
    with pytest.raises(ValueError, match="image has 1 frames along axis 0; expected 2 or more"):
        pkn.calibrate(frames(1), stack_axis=0)
    with pytest.raises(ValueError, match=r"strengths is \(1.0,\); expected some other than 1"):
        pkn.calibrate(frames(1)[0], strengths=(1.0,))
