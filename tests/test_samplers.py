"""Samplers against what is known exactly: a restorer that knows the image, and one that knows the distribution."""

import numpy as np
import pytest
import torch

from pkn.samplers import ancestral, euler, heun, make_step, trajectory

MEAN, SPREAD = 0.3, 0.5


def posterior_mean(z, t):
    """E[x | z] for x ~ N(MEAN, SPREAD^2) and z = t x + (1 - t) noise."""
    signal, noise = (t * SPREAD) ** 2, (1 - t) ** 2
    return MEAN + t * SPREAD**2 * (z - t * MEAN) / (signal + noise)


def end(step, x, steps, restore=posterior_mean):
    *_, (z, x0) = trajectory(restore, step, x, np.linspace(0, 1, steps + 1).tolist())
    return z, x0


@pytest.mark.parametrize("step", [euler, heun, ancestral(torch.Generator().manual_seed(1))])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_perfect_restorer_gives_the_image(step, steps):
    truth = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    z, x0 = end(step, torch.randn_like(truth), steps, lambda z, t: truth)
    torch.testing.assert_close(z, truth, rtol=0, atol=1e-12)
    torch.testing.assert_close(x0, truth)


@pytest.mark.parametrize(("step", "order"), [(euler, 1), (heun, 2)])
def test_order_of_convergence_to_the_exact_flow(step, order):
    start = torch.linspace(-2, 2, 9, dtype=torch.float64)
    exact = MEAN + SPREAD * start  # the flow that carries N(0, 1) to N(MEAN, SPREAD^2) is linear
    errors = [float((end(step, start, steps)[0] - exact).abs().max()) for steps in (40, 80, 160)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, order, atol=0.25)


def test_ancestral_draws_from_the_distribution():
    start = torch.randn(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z, _ = end(ancestral(torch.Generator().manual_seed(1)), start, 200)
    assert float(z.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(z.std()) == pytest.approx(SPREAD, abs=0.01)


def test_the_generator_decides_what_is_renewed():
    start = torch.zeros(5)
    ends = [end(make_step("ancestral", torch.Generator().manual_seed(seed)), start, 4)[0] for seed in (3, 3, 4)]
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def test_unknown_solver():
    with pytest.raises(ValueError, match="solver is 'rk4'; expected one of euler, heun, ancestral"):
        make_step("rk4", torch.Generator())
