"""Algorithm 1: its step computed by hand, its distribution where theory knows it, and its stops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from pkn.sampling.batching import standard_normal
from pkn.sampling.implicit_prior import ImplicitPriorSettings, sample_implicit_prior

SIZE = 16


def rngs(n=1, seed=0):
    return np.random.default_rng(seed).spawn(n)


def white(deviation):
    """The direction to E[x | y] of white images, where y's own mean square tells the noise."""

    def direction(y):
        power = y.flatten(1).square().mean(1).reshape(-1, 1, 1, 1)
        return -y * (1 - deviation**2 / power).clamp_min(0)

    return direction


@pytest.mark.parametrize("growing", [True, False])
def test_steps_are_as_published(growing):
    h0, beta, f = 0.2, 0.3, 0.6  # a denoiser that takes 0.6 of y away, whatever comes
    (random,), start = rngs(), standard_normal(rngs(seed=1), (1, 4, 4))
    expected = start.double().numpy()
    for t in (1, 2, 3):
        h = h0 * t / (1 + h0 * (t - 1)) if growing else h0
        d = -f * expected
        sigma = np.sqrt(np.sum(d**2) / d.size)
        gamma = np.sqrt(((1 - beta * h) ** 2 - (1 - h) ** 2) * sigma**2)
        expected = expected + h * d + gamma * random.standard_normal((1, 1, 4, 4), np.float32)
    reports = []
    settings = ImplicitPriorSettings(h0, beta, growing=growing, most=4)
    result = sample_implicit_prior(
        lambda y: -f * y,
        start,
        rngs(),
        settings,
        callback=lambda t, most, info: reports.append((t, most, float(info["sigma"]))),
    )
    sigma = f * math.sqrt(np.mean(expected**2))
    assert [report[:2] for report in reports] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert reports[-1][2] == pytest.approx(sigma, rel=1e-5)
    assert not result.converged
    again = sample_implicit_prior(
        lambda y: -f * y,
        start,
        rngs(),
        ImplicitPriorSettings(h0, beta, growing=growing, sigma_last=sigma * 1.001, relative=False),
    )
    np.testing.assert_allclose(again.images.numpy(), (1 - f) * expected, atol=1e-5)
    assert (again.converged.item(), again.steps.item()) == (True, 4)


@pytest.mark.parametrize("deviation", [0.1, 0.5])
@pytest.mark.parametrize("beta", [0.05, 0.5])
def test_white_images_are_drawn_with_their_variance(deviation, beta):
    """Where y has the mean square v, d takes r = 1 - s^2 / v of it; it stops at r <= 0.01, and s^2 (1 - r) is left.

    Steps are short: long ones come past r = 0 by chance, by about 2 r / 16 of v where r was large before.
    """
    largest = []
    y = standard_normal(rngs(20), (1, SIZE, SIZE))
    settings = ImplicitPriorSettings(0.05, beta, growing=False)

    def note(t, most, info):
        largest.append(info["sigma"].max())

    result = sample_implicit_prior(white(deviation), y, rngs(20, 1), settings, callback=note)
    assert result.converged.all()
    power = result.images.square().mean((1, 2, 3)).numpy()
    assert (power <= deviation**2 * 1.0001).all()
    assert (power >= deviation**2 * 0.989).all()  # the stop takes the deviation about the mean: a little less
    assert largest[-1] < 0.02 * largest[0]
    assert (np.diff(largest[::50]) < 0).all()
    values = result.images.numpy() / deviation
    assert abs((values**4).mean() - 3) < 0.3  # still normal
    neighbours = (values[..., 1:] * values[..., :-1]).mean()
    assert abs(neighbours) < 4 / math.sqrt(values.size)


def test_an_image_does_not_depend_on_the_others():
    start = standard_normal(rngs(9), (1, SIZE, SIZE))
    level = torch.linspace(0.05, 0.8, 9).reshape(9, 1, 1, 1)

    def direction(y, level):
        return white(level)(y)

    together = sample_implicit_prior(direction, start, rngs(9, 1), given=[level])
    assert len(set(together.steps.tolist())) > 1
    for place in (0, 4, 8):
        one = slice(place, place + 1)
        alone = sample_implicit_prior(direction, start[one], [rngs(9, 1)[place]], given=[level[one]])
        np.testing.assert_allclose(together.images[one].numpy(), alone.images.numpy(), atol=1e-5)
        assert together.steps[place] == alone.steps[0]


def test_stops():
    y = standard_normal(rngs(), (1, SIZE, SIZE))
    paper = sample_implicit_prior(
        white(0.1), y, rngs(), ImplicitPriorSettings(growing=False, relative=False, sigma_last=0.05)
    )
    code = sample_implicit_prior(white(0.1), y, rngs(), ImplicitPriorSettings(growing=False))
    assert 0.04 < float(paper.sigma) <= 0.05
    assert 0 < float(code.sigma) <= 0.01 * 0.11
    assert paper.steps < code.steps


def test_the_state_of_least_noise_is_kept_where_less_is_never_found():
    """A network that never finds less noise than 0.001, and then more again, as those of details do."""
    count = 0

    def direction(y):
        nonlocal count
        count += 1
        return 0.5 - y + (0.001 + 1e-5 * count) * torch.sign(y - 0.5)

    y = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 1, 8, 8))).float()
    settings = ImplicitPriorSettings(h0=0.1, beta=1.0, relative=False, sigma_last=1e-6, most=400)

    def sample(fallback):
        nonlocal count
        count = 0
        rngs = np.random.default_rng(0).spawn(2)
        return sample_implicit_prior(direction, y, rngs, replace(settings, fallback=fallback))

    assert not sample(0.0).converged.any()
    assert not sample(1e-7).converged.any()
    kept = sample(0.002)
    assert kept.converged.all()
    assert float(kept.sigma.max()) < 0.002
    assert int(kept.steps.max()) < 400
    torch.testing.assert_close(kept.images, torch.full_like(y, 0.5), rtol=0, atol=0.01)


@pytest.mark.parametrize(
    ("factor", "most", "steps"), [(0.01, 5, 5), (float("nan"), 9, 1), (-1.5, 9, 2)], ids=["slow", "nan", "diverges"]
)
def test_chains_that_do_not_converge_are_reported(factor, most, steps):
    y = torch.cat([standard_normal(rngs(), (1, SIZE, SIZE)), torch.zeros(1, 1, SIZE, SIZE)])
    given = torch.tensor([factor, 0.0]).reshape(2, 1, 1, 1)
    settings = ImplicitPriorSettings(h0=0.5, beta=1, sigma_last=1e-3, most=most, relative=False)
    result = sample_implicit_prior(lambda y, factor: -factor * y, y, rngs(2), settings, [given])
    assert result.converged.tolist() == [False, True]
    assert result.steps[0] <= steps
    with pytest.raises(ValueError, match=r"the test doesn't converge in 1 of 2 chains: noise of .* is left after"):
        result.checked("the test")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"h0": 0}, "h0 is 0; expected above 0, at most 1"),
        ({"beta": 1.5}, "beta is 1.5; expected 0 to 1"),
        ({"sigma_0": -1}, "sigma_0 is -1; expected above 0"),
        ({"sigma_last": float("nan")}, "sigma_last is nan; expected above 0"),
        ({"most": 0.5}, "most is 0.5; expected a whole number, 1 or more"),
    ],
)
def test_bad_settings(options, message):
    with pytest.raises(ValueError, match=message):
        ImplicitPriorSettings(**options)
