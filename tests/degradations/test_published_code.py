"""The presets named "-code", held against what the code of Bansal et al. 2022 computes."""

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from torch.nn import functional as F

from pkn.degradations.presets import find_preset

SIDE = 32  # px, of its images of MNIST and CIFAR-10
BICUBIC = np.array([-3, 19, 19, -3]) / 32  # Keys' weights for a = -3/4, half-way between two pixels


def images(number=2, channels=3):
    return 2 * torch.rand(number, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) - 1


def degraded(preset, x, t, seed=0):
    return preset.sample(x, torch.Generator().manual_seed(seed))(x, t)


def wave(side):
    return torch.cos(2 * torch.pi * torch.arange(side, dtype=torch.float64) / side).expand(1, 1, side, side)


@pytest.mark.parametrize(("side", "left"), [(32, 0.025107), (28, 0.0076847)])
def test_20_blurs_of_a_digit_leave_this_of_the_coarsest_wave(side, left):
    preset = find_preset("blur", "mnist-code")
    assert (preset.steps, preset.side, preset.border) == (20, 11, "wrap")
    x = wave(side)
    torch.testing.assert_close(degraded(preset, x, 20), left * x, rtol=0, atol=1e-6)


def test_blurs_of_digits_are_circular_convolutions():
    x, offsets = images(channels=1), torch.arange(-5, 6)
    window = torch.exp(-(offsets**2) / 98)
    kernel = (window[:, None] * window)[None, None] / window.sum() ** 2
    expected = x
    for _ in range(3):
        expected = F.conv2d(F.pad(expected, (5, 5, 5, 5), mode="circular"), kernel)
    torch.testing.assert_close(degraded(find_preset("blur", "mnist-code"), x, 3), expected, atol=1e-6, rtol=0)


def test_resolution_falls_by_bicubic_interpolation_and_then_by_means():
    """Of 4 pixels in a row at first; of squares of one colour, the next steps' 4 pixels are two of each of two."""
    x, preset = images(), find_preset("super-resolution", "cifar10-code")
    once = degraded(preset, x, 1).numpy()
    expected = np.einsum("ncij,i,j->nc", x.numpy()[:, :, 7:11, 11:15], BICUBIC, BICUBIC)
    for row, column in ((8, 12), (8, 13), (9, 12), (9, 13)):
        np.testing.assert_allclose(once[:, :, row, column], expected, atol=1e-6)
    means = F.avg_pool2d(torch.from_numpy(once), 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    torch.testing.assert_close(degraded(preset, x, 3), means, atol=1e-5, rtol=0)


def test_grey_is_the_mean_of_red_green_and_blue():
    x = images()
    grey = degraded(find_preset("desaturation", "cifar10-code"), x, 20)
    torch.testing.assert_close(grey, x.mean(1, keepdim=True).expand_as(x), atol=1e-6, rtol=0)
    half = degraded(find_preset("desaturation", "cifar10-code"), x, 10)
    torch.testing.assert_close(half, (x + grey) / 2, atol=1e-6, rtol=0)


def test_holes_of_digits_begin_with_1_1_px():
    darkness = 1 - degraded(find_preset("inpainting", "mnist-code"), torch.ones(1, 1, SIDE, SIDE), 1)[0, 0]
    row, column = divmod(int(darkness.argmax()), SIDE)
    beside = darkness[row, column + 1 if column + 1 < SIDE else column - 1]
    assert float(beside) == pytest.approx(np.exp(-1 / (2 * 1.1**2)), abs=1e-5)


@pytest.mark.parametrize("t", [1, 400, 730, 749])
def test_a_colour_closes_in_from_outside(t):
    preset, x = find_preset("inpainting", "generation-code"), torch.ones(1, 3, SIDE, SIDE)
    end = degraded(preset, x, 750)
    assert float(end.std((2, 3)).max()) == 0
    squares = np.add.outer(np.arange(-16, 16) ** 2, np.arange(-16, 16) ** 2)
    with np.errstate(divide="ignore"):
        hidden = np.prod([-np.expm1(-squares / (2 * (0.05 * (i + 1)) ** 2)) for i in range(750 - t)], axis=0)
    expected = 1 - hidden * (1 - end[0, :, :1, :1].numpy())
    np.testing.assert_allclose(degraded(preset, x, t)[0].numpy(), expected, atol=1e-5)
    torch.testing.assert_close(degraded(preset, x, 0), x)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("t", [1, 100, 200])
def test_it_snows_along_an_axis(seed, t):
    """Against scipy's zoom and a loop; both axes are among the seeds."""
    preset, x = find_preset("snow", "cifar10-code"), images()
    generator = torch.Generator().manual_seed(seed)
    base = zoom(0.55 + 0.3 * torch.randn((1, 1, 13, 13), generator=generator)[0, 0].numpy(), 32 / 13, order=1)
    threshold, sigma = np.linspace(1.15, 0.7, 200)[t - 1], np.linspace(0.05, 16, 200)[t - 1]
    flakes = np.pad(np.clip(np.where(base < threshold, 0, base), 0, 1), 5)
    weights = np.exp(-(np.arange(-5.0, 6) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    across = sum(w * flakes[5:-5, k : k + SIDE] for k, w in enumerate(weights))
    down = sum(w * flakes[k : k + SIDE, 5:-5] for k, w in enumerate(weights))
    snowy = [np.clip(x.numpy() / 2 + 0.5 + s + s[::-1, ::-1], 0, 1) * 2 - 1 for s in (across, down)]
    came = degraded(preset, x, t, seed).numpy()
    assert min(np.abs(came - each).max() for each in snowy) < 1e-5


def test_snow_on_128_px_is_enlarged_to_130_and_trimmed():
    """As the code's zoom of the middle 52 pixels does. At t = 1 motion blurs by 0.05 px, which is nothing."""
    preset, x = find_preset("snow", "celeba-code"), torch.full((1, 3, 128, 128), -1.0)
    noise = torch.randn((1, 1, 52, 52), generator=torch.Generator().manual_seed(2))[0, 0].numpy()
    base = zoom(0.55 + 0.3 * noise, 2.5, order=1)[1:-1, 1:-1]
    flakes = np.clip(np.where(base < 1.15, 0, base), 0, 1)
    expected = 2 * np.clip(flakes + flakes[::-1, ::-1], 0, 1) - 1
    np.testing.assert_allclose(degraded(preset, x, 1, 2)[0, 0].numpy(), expected, atol=1e-5)


def test_both_axes_are_drawn():
    x = torch.full((1, 3, SIDE, SIDE), -1.0)
    spread = [degraded(find_preset("snow", "cifar10-code"), x, 200, seed)[0, 0] for seed in range(12)]
    upright = [float(s.diff(dim=0).abs().mean()) < float(s.diff(dim=1).abs().mean()) for s in spread]
    assert 0 < sum(upright) < 12


def test_the_codes_schedules():
    """Numbers of its scripts and of the commands in its README."""
    assert find_preset("blur", "celeba-code").deviations[199] == pytest.approx(np.exp(1.99))
    assert find_preset("super-resolution", "celeba-code").steps == 4
    assert find_preset("snow", "celeba-code").threshold == (1.15, 0.55)
    assert find_preset("inpainting", "cifar10-code").start == pytest.approx(1.1)
