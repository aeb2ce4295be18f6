"""Samplers against what is known exactly: a restorer that knows the image, and one that knows the distribution."""

import numpy as np
import pytest
import torch

from pkn.degradations.mixtures import STRAIGHT, Mixture
from pkn.sampling.samplers import algorithm_1, algorithm_2, ancestral, deterministic, heun, make_step, trajectory

MEAN, SPREAD = 0.3, 0.5
ROUND = Mixture(lambda t: np.cos(np.pi / 2 * t), lambda t: np.sin(np.pi / 2 * t))  # of constant variance


def posterior_mean(z, t):
    """E[x | z] for x ~ N(MEAN, SPREAD^2) and z = (1 - t) x + t noise."""
    signal, noise = ((1 - t) * SPREAD) ** 2, t**2
    return MEAN + (1 - t) * SPREAD**2 * (z - (1 - t) * MEAN) / (signal + noise)


def end(step, x, steps, restore=posterior_mean):
    *_, (z, x0) = trajectory(restore, step, x, np.linspace(1, 0, steps + 1).tolist())
    return z, x0


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def noise_like(shape, seed=1):
    random = generator(seed)
    return lambda: torch.randn(shape, dtype=torch.float64, generator=random)


@pytest.mark.parametrize(
    "make",
    [
        lambda noise: deterministic(STRAIGHT),
        lambda noise: heun,
        lambda noise: ancestral(STRAIGHT, noise),
        lambda noise: deterministic(ROUND),
        lambda noise: ancestral(ROUND, noise),
    ],
    ids=["euler", "heun", "ancestral", "ddim", "ddpm"],
)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_perfect_restorer_gives_the_image(make, steps):
    noise = noise_like((2, 3, 4, 4))
    truth, start = noise(), noise()
    z, x0 = end(make(noise), start, steps, lambda z, t: truth)
    torch.testing.assert_close(z, truth, rtol=0, atol=1e-12)
    torch.testing.assert_close(x0, truth)


@pytest.mark.parametrize(("step", "order"), [(deterministic(STRAIGHT), 1), (heun, 2)])
def test_order_of_convergence_to_the_exact_flow(step, order):
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    exact = MEAN + SPREAD * start  # the flow that carries N(0, 1) to N(MEAN, SPREAD^2) is linear
    errors = [float((end(step, start, steps)[0] - exact).abs().max()) for steps in (40, 80, 160)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, order, atol=0.25)


def test_ancestral_draws_from_the_distribution():
    start = torch.randn(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z, _ = end(ancestral(STRAIGHT, noise_like(100_000)), start, 200)
    assert float(z.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(z.std()) == pytest.approx(SPREAD, abs=0.01)


def test_the_noise_that_is_given_is_renewed():
    start = torch.zeros(5, dtype=torch.float64)
    first, again, other = (end(make_step("ancestral", noise_like(5, seed)), start, 4)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_unknown_solver():
    with pytest.raises(ValueError, match="solver is 'rk4'; expected one of euler, heun, ancestral"):
        make_step("rk4", noise_like(1))


def test_euler_is_the_published_formula():
    z, x0 = torch.randn(2, 5, generator=generator())
    there, _ = deterministic(STRAIGHT)(lambda z, t: x0, z, 0.7, 0.55)
    torch.testing.assert_close(there, z + (x0 - z) / (1 - 0.3) * 0.15)  # the published t is 0.3


def test_ddpm_and_ddim_draw_from_the_distribution():
    start = torch.randn(100_000, dtype=torch.float64, generator=generator(0))

    def known(z, t):
        signal, noise = ROUND.signal(t), ROUND.noise(t)
        return MEAN + signal * SPREAD**2 * (z - signal * MEAN) / ((signal * SPREAD) ** 2 + noise**2)

    for step in (deterministic(ROUND), ancestral(ROUND, noise_like(100_000))):
        z, _ = end(step, start, 200, known)
        assert float(z.mean()) == pytest.approx(MEAN, abs=0.01)
        assert float(z.std()) == pytest.approx(SPREAD, abs=0.01)


TRUTH, DIRECTION = torch.linspace(-1, 1, 6, dtype=torch.float64), torch.tensor([1.0, -2, 3, 0, 1, 5]).double()
COLD = [8, 7, 5, 2, 1, 0]  # times of a cold run: 0 is the image


def linear(x, t):
    return x + t * DIRECTION


def wrong(x, t):
    """A restorer that is off, and the more so the later."""
    return TRUTH + torch.sin(3 * x) + 0.1 * t


@pytest.mark.parametrize("algorithm", [algorithm_1, algorithm_2])
@pytest.mark.parametrize("degrade", [linear, lambda x, t: x * 0.9**t, lambda x, t: x + torch.sin(t * x)])
def test_both_algorithms_recover_the_image_with_a_perfect_restorer(algorithm, degrade):
    x = degrade(TRUTH, torch.tensor(8.0))
    for (x, x0), s in zip(  # noqa: B020
        trajectory(lambda x, t: TRUTH, algorithm(lambda x, t: degrade(x, torch.tensor(float(t)))), x, COLD),
        COLD[1:],
        strict=True,
    ):
        torch.testing.assert_close(x, degrade(TRUTH, torch.tensor(float(s))))
        torch.testing.assert_close(x0, TRUTH)


def test_algorithm_2_needs_no_restorer_where_degradation_is_linear():
    path = trajectory(wrong, algorithm_2(linear), linear(TRUTH, 8), COLD)
    for (x, _), s in zip(path, COLD[1:], strict=True):
        torch.testing.assert_close(x, linear(TRUTH, s))
    *_, (x, _) = trajectory(wrong, algorithm_1(linear), linear(TRUTH, 8), COLD)
    assert float((x - TRUTH).abs().max()) > 0.3


def test_hot_diffusion_is_algorithm_2_with_the_noise_that_is_estimated():
    x, x0 = torch.randn(2, 7, dtype=torch.float64, generator=generator())
    t, s = 0.4, 0.6
    noise = (x - ROUND.signal(t) * x0) / ROUND.noise(t)
    cold = algorithm_2(lambda x, t: ROUND.signal(t) * x + ROUND.noise(t) * noise)
    ours, _ = deterministic(ROUND)(lambda x, t: x0, x, t, s)
    torch.testing.assert_close(ours, cold(lambda x, t: x0, x, t, s)[0])
