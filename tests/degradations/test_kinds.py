"""Degradations: the identity at t = 0, monotone, deterministic, and as their sources define them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pkn.degradations.kinds import (
    Animorphosis,
    Blur,
    CameraNoise,
    Desaturation,
    Inpainting,
    Noise,
    Snow,
    SuperResolution,
)
from pkn.degradations.mixtures import cosine_mixture
from pkn.degradations.presets import find_preset

OTHERS = torch.rand(5, 3, 20, 24, generator=torch.Generator().manual_seed(9)) * 2 - 1
CASES = {
    "blur": Blur((0.5, 1.0, 1.5, 2.0, 2.5), 7),
    "blur to the mean": Blur((1.0,) * 6, 5, "wrap", to_mean=True),
    "inpainting": Inpainting(1.0, 0.5, 8),
    "inpainting, centred, coloured": Inpainting(1.0, 0.5, 8, centred=True, coloured=True),
    "super-resolution": SuperResolution(2),
    "snow": Snow(8),
    "snow, bright": Snow(8, brightness=(0.95, 0.4)),
    "desaturation": Desaturation(4),
    "noise": Noise(6),
    "animorphosis": Animorphosis(6, OTHERS),
    "camera": CameraNoise(steps=5),
}
ALL = pytest.mark.parametrize("degradation", CASES.values(), ids=CASES.keys())


def images(number=4, seed=0):
    random = np.random.default_rng(seed)
    smooth = gaussian_filter(random.standard_normal((number, 3, 20, 24)), (0, 0, 1, 1))
    return torch.from_numpy((smooth / np.abs(smooth).max()).astype(np.float32))


def sampled(degradation, x, seed=0):
    return degradation.sample(x, torch.Generator().manual_seed(seed))


@ALL
def test_nothing_at_0(degradation):
    x = images()
    torch.testing.assert_close(sampled(degradation, x)(x, 0), x, rtol=0, atol=1e-6)


@ALL
def test_more_and_more(degradation):
    x = images(32)
    degrade = sampled(degradation, x)
    far = [float((degrade(x, t) - x).square().mean()) for t in np.linspace(0, degradation.steps, 9)]
    assert np.all(np.diff(far) >= -1e-6 * max(far)), far
    assert far[-1] > far[0] + 1e-3


@ALL
def test_decided_by_the_draw(degradation):
    x, t = images(), degradation.steps * 0.7
    degrade = sampled(degradation, x)
    torch.testing.assert_close(degrade(x, t), degrade(x, t), rtol=0, atol=0)
    torch.testing.assert_close(degrade(x, t), sampled(degradation, x)(x, t), rtol=0, atol=0)


@ALL
def test_each_image_has_its_own_time(degradation):
    x = images(3)
    degrade = sampled(degradation, x)
    each = torch.tensor([0.0, degradation.steps / 2, degradation.steps])
    together = degrade(x, each)
    for n, t in enumerate(each):
        torch.testing.assert_close(together[n], degrade(x, float(t))[n], rtol=1e-5, atol=1e-6)


def test_masks_are_products_of_bumps():
    x = torch.ones(1, 1, 20, 24)
    degrade = sampled(Inpainting(1.0, 0.5, 8, centred=True), x)
    r, c = np.mgrid[:20, :24]
    squares = (r - 10) ** 2 + (c - 12) ** 2
    expected = np.prod([1 - np.exp(-squares / (2 * (1 + 0.5 * step) ** 2)) for step in range(5)], 0)
    np.testing.assert_allclose(degrade(x, 5)[0, 0].numpy(), expected, atol=1e-6)


def test_bumps_stand_anywhere():
    x = torch.ones(200, 1, 20, 24)
    darkest = sampled(Inpainting(1.0, 0.5, 8), x)(x, 1).flatten(1).argmin(1)
    assert len(set(darkest.tolist())) > 120


def test_the_last_mask_leaves_the_colour_alone():
    x = images()
    preset = find_preset("inpainting", "generation")
    terminal = sampled(preset, x)(x, preset.steps)
    assert float(terminal.std((2, 3)).max()) < 1e-3


def test_super_resolution_is_means_of_squares():
    x = images(1)
    expected = x.unfold(2, 4, 4).unfold(3, 4, 4).mean((4, 5)).repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(sampled(SuperResolution(2), x)(x, 2), expected)


def test_desaturated_is_grey():
    x = images()
    grey = sampled(Desaturation(4), x)(x, 4)
    torch.testing.assert_close(grey[:, :1].expand_as(grey), grey)
    torch.testing.assert_close(grey[:, 0], 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2])


def test_noise_keeps_the_variance_and_ends_as_noise():
    mixture = cosine_mixture(200)
    t = torch.arange(201)
    torch.testing.assert_close(mixture.signal(t) ** 2 + mixture.noise(t) ** 2, torch.ones(201))
    assert float(mixture.signal(torch.tensor(200))) == pytest.approx(0, abs=1e-6)
    x = images()
    terminal = sampled(Animorphosis(200, OTHERS), x)(x, 200)
    assert all(any(torch.allclose(image, other, atol=1e-5) for other in OTHERS) for image in terminal)


def test_camera_noise_has_the_variance_of_its_name():
    x = torch.full((1, 1, 300, 300), 0.2)
    noisy = sampled(CameraNoise(0.04, 0.03, 10), x)(x, 5)
    expected = 0.02 * 0.6 + 0.015**2
    assert float((noisy / 2).var()) == pytest.approx(expected, rel=0.03)
    assert float(noisy.mean()) == pytest.approx(0.2, abs=0.005)


def test_snow_falls_brighter_and_within_range():
    x = images(16)
    snowy = sampled(Snow(10), x)(x, 10)
    assert float(snowy.min()) >= -1
    assert float(snowy.max()) <= 1
    assert (snowy >= x - 1e-5).all()
    assert 0.05 < float((snowy - x).mean()) < 1


def test_animorphosis_wants_others():
    with pytest.raises(ValueError, match="others is None"):
        sampled(Animorphosis(), images())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Blur(()), r"deviations is \(\); expected numbers above 0"),
        (lambda: Blur((1.0, 0.0)), "deviations is"),
        (lambda: Blur((1.0,), border="round"), "border is 'round'; expected one of mirror"),
        (lambda: Inpainting(start=0.0), "start is 0.0; expected a number above 0"),
        (lambda: SuperResolution(2.5), "steps is 2.5; expected a whole number, 1 or more"),
        (lambda: Snow(taps=4), "taps is 4; expected an odd whole number"),
        (lambda: CameraNoise(gain=-1.0), "gain is -1.0"),
    ],
)
def test_numbers_that_cant_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()
