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
    return {s: np.mean((pkn.denoise(image, net, strength=s, **options) - CAMERA) ** 2) for s in strengths}


def test_frames_find_the_strength_that_the_truth_would():
    """The network is told a noise level of half the true one, so that more strength is better."""
    stack = frames(4)
    found = pkn.calibrate(stack, "bilateral", stack_axis=0, sigma=0.05)
    true = errors(stack[0], "bilateral", (1.0, found.strength, 0.7, 2.0), sigma=0.05)
    assert found.method == "frames"
    assert found.strength > 1
    assert true[found.strength] < 0.97 * true[1.0]
    assert found.gain == pytest.approx(true[1.0] - true[found.strength], rel=0.3)


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
    rgb = np.stack([CAMERA, CAMERA, CAMERA], -1)[:96, :96]  # grey: chroma is noise alone
    stack = (rgb + 0.1 * random.standard_normal((3, *rgb.shape))).astype(np.float32)
    found = pkn.calibrate(stack, stack_axis=0, channel_axis=-1, sigma=0.05)
    assert found.strength[1] >= found.strength[0]
    assert found.strength[1] > 1


def test_scikit_image_calibrates_it():
    """``calibrate_denoiser`` takes pkn.denoise as it is."""
    best = calibrate_denoiser(frames(1)[0][:96, :96], pkn.denoise, {"strength": [0.1, 1.0], "sigma": [0.1]})
    assert best.keywords["denoiser_kwargs"]["strength"] == 1.0


def test_refusals():
    with pytest.raises(ValueError, match="image has 1 frames along axis 0; expected 2 or more"):
        pkn.calibrate(frames(1), stack_axis=0)
    with pytest.raises(ValueError, match=r"strengths is \(1.0,\); expected some other than 1"):
        pkn.calibrate(frames(1)[0], strengths=(1.0,))
