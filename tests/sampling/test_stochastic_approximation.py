"""Robbins and Monro's steps undo a smoothing at the rate that theory says, and don't where a condition is broken."""

import numpy as np
import pytest
import torch

from pkn.filters import IsotropicGaussian
from pkn.sampling.samplers import trajectory
from pkn.sampling.stochastic_approximation import euler_maruyama, falling, noisy_smoothing, robbins_monro

STEPS, EARLY, LATE = 2000, 100, 2000


def mixture(size=96):
    """A density on a ring of cells: three Gaussians."""
    places = np.arange(size)
    parts = [(0.5, 20, 3.0), (0.3, 45, 5.0), (0.2, 70, 2.0)]
    density = sum(weight * np.exp(-((places - mean) ** 2) / (2 * width**2)) / width for weight, mean, width in parts)
    return torch.from_numpy(density / density.sum())


def smooth(x, _=0):
    """Our own Gaussian, along a line that is one pixel high."""
    return torch.from_numpy(IsotropicGaussian(radius=8, border="wrap")(x.numpy()[None], sigma=2.0)[0])


def gains(size=96):
    """What ``smooth`` does to each of a ring's waves."""
    impulse = torch.zeros(size, dtype=torch.float64)
    impulse[0] = 1
    return torch.fft.fft(smooth(impulse)).real


def errors(rate, noise=None):
    """Distances to the truth after each step, from 0 on."""
    truth = mixture()
    given = smooth(truth)
    path = trajectory(noise or smooth, robbins_monro(given, rate), given, range(STEPS + 1))
    return np.array([float((given - truth).norm()), *(float((x - truth).norm()) for x, _ in path)])


def test_each_wave_decays_as_theory_says():
    """e_k = e_0 prod (1 - a_j h): exactly, wave by wave, for a known H of a Gaussian mixture."""
    truth, rate = mixture(), falling(1.0, 0.75)
    waves = torch.fft.fft(smooth(truth) - truth).abs() / len(truth) ** 0.5
    kept = torch.stack([1 - rate(k) * gains() for k in range(1, STEPS + 1)]).cumprod(0).abs()
    theory = (waves * kept).square().sum(1).sqrt().numpy()
    np.testing.assert_allclose(errors(rate)[1:], theory, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("gain", [0.4, 0.8])
def test_one_wave_decays_by_a_power(gain):
    """With a_k = 1 / k the error of a wave with gain h goes like k^-h."""
    given, step = torch.full((1,), gain), robbins_monro(torch.full((1,), gain), falling(1.0))
    start = torch.zeros(1) if gain < 1 else given
    found = [1 - float(x) for x, _ in trajectory(lambda x, k: gain * x, step, start, range(LATE + 1))]
    slope = np.log(found[LATE - 1] / found[EARLY - 1]) / np.log(LATE / EARLY)
    assert slope == pytest.approx(-gain, rel=0.15)


def noisy_slope(rate, seed=0, gain=0.8, deviation=0.5):
    """Of the root mean square error of 4,000 walks, between step 100 and 2,000, and its last value."""
    generator = torch.Generator().manual_seed(seed)
    given = torch.full((4000,), gain)
    step = robbins_monro(given, rate)

    def observed(x, k):
        return gain * x + deviation * torch.randn(x.shape, generator=generator)

    path = trajectory(observed, step, torch.zeros(4000), range(LATE + 1))
    found = [float((x - 1).square().mean().sqrt()) for x, _ in path]
    return np.log(found[LATE - 1] / found[EARLY - 1]) / np.log(LATE / EARLY), found[LATE - 1]


def test_in_noise_the_error_falls_like_the_root_of_the_steps():
    """a_k = a / k with a h > 1/2: variance a^2 s^2 / ((2 a h - 1) k) (Chung 1954)."""
    slope, last = noisy_slope(falling(1.0))
    assert slope == pytest.approx(-0.5, rel=0.15)
    assert last == pytest.approx(0.5 / np.sqrt(0.6 * LATE), rel=0.1)


def test_steps_whose_sum_is_finite_stop_on_the_way():
    """The rest that is never done is prod (1 - h / k^2) of the error: of each wave, more than a tenth."""
    found = errors(falling(1.0, 2.0))
    assert found[-1] == pytest.approx(found[EARLY], rel=0.02)
    assert found[-1] > 10 * errors(falling(1.0, 0.75))[-1]


def test_steps_whose_squares_sum_to_infinity_keep_the_noise():
    """A constant step a leaves the variance a s^2 / (h (2 - a h))."""
    slope, last = noisy_slope(lambda k: 0.3)
    assert abs(slope) < 0.02
    assert last == pytest.approx(np.sqrt(0.3 * 0.25 / (0.8 * (2 - 0.24))), rel=0.05)


def test_densities_stay_positive():
    given = smooth(mixture())
    path = trajectory(smooth, robbins_monro(given, falling(1.9, 0.51), lowest=0.0), given, range(200))
    *_, (x, _) = path
    assert float(x.min()) >= 0
    assert float((x - mixture()).norm()) < 0.2 * float((given - mixture()).norm())


def test_the_stochastic_differential_equation_has_its_stationary_law():
    """dx = (g - h x) dt + s dW: mean g / h, variance s^2 / 2h (Ornstein & Uhlenbeck)."""
    generator = torch.Generator().manual_seed(0)
    given, gain, deviation = torch.full((20_000,), 0.6), 0.5, 0.4
    step = euler_maruyama(given, deviation, lambda: torch.randn(given.shape, generator=generator))
    *_, (x, _) = trajectory(lambda x, t: gain * x, step, torch.zeros_like(given), np.arange(0, 20, 0.02).tolist())
    assert float(x.mean()) == pytest.approx(1.2, abs=0.01)
    assert float(x.var()) == pytest.approx(0.16, rel=0.03)


def test_noisy_smoothing_is_a_draw_of_the_mean():
    """The best restorer of N(0, 1) shrinks by 1 / (1 + b^2); its mean over b in (0.5, 1) is 2 (atan 1 - atan 1/2)."""
    generator = torch.Generator().manual_seed(0)
    smoothed = noisy_smoothing(lambda z, b: z / (1 + b**2), (0.5, 1.0), generator)
    x = torch.full((2000,), 0.7)
    mean = torch.stack([smoothed(x, k) for k in range(400)]).mean()
    assert float(mean) == pytest.approx(0.7 * 2 * (np.arctan(1.0) - np.arctan(0.5)), rel=0.03)
