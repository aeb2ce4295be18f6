"""Algorithm 1: its step by hand, what it draws where theory says it, its ends, and measurements that hold exactly."""

import math

import numpy as np
import pytest
import torch

from pkn.degradations.linear_operators import BlockMeans, BlurredWaves, Pixels
from pkn.nets.models.bias_free_cnn import BiasFreeCNN, BiasFreeSettings, fused
from pkn.sampling.chains import BATCH, normal
from pkn.sampling.implicit_prior import ImplicitPriorSettings, sample_implicit_prior
from pkn.sampling.inverse_problems import consistency, constrained, constrained_samples
from pkn.wavelets.inference import inference_net

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
    (random,), start = rngs(), normal(rngs(seed=1), (1, 4, 4))
    expected = start.double().numpy()
    for t in (1, 2, 3):
        h = h0 * t / (1 + h0 * (t - 1)) if growing else h0
        d = -f * expected
        sigma = np.sqrt(np.sum(d**2) / d.size)
        gamma = np.sqrt(((1 - beta * h) ** 2 - (1 - h) ** 2) * sigma**2)
        expected = expected + h * d + gamma * random.standard_normal((1, 1, 4, 4), np.float32)
    told = []
    settings = ImplicitPriorSettings(h0, beta, growing=growing, most=4)
    found = sample_implicit_prior(
        lambda y: -f * y, start, rngs(), settings, tell=lambda t, s: told.append((t, float(s)))
    )
    sigma = f * math.sqrt(np.mean(expected**2))
    assert [t for t, _ in told] == [1, 2, 3, 4]
    assert told[-1][1] == pytest.approx(sigma, rel=1e-5)
    assert not found.converged
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
    told = []
    y = normal(rngs(20), (1, SIZE, SIZE))
    settings = ImplicitPriorSettings(0.05, beta, growing=False)
    found = sample_implicit_prior(white(deviation), y, rngs(20, 1), settings, tell=lambda t, s: told.append(s.max()))
    assert found.converged.all()
    power = found.images.square().mean((1, 2, 3)).numpy()
    assert (power <= deviation**2 * 1.0001).all()
    assert (power >= deviation**2 * 0.989).all()  # the stop takes the deviation about the mean: a little less
    assert told[-1] < 0.02 * told[0]
    assert (np.diff(told[::50]) < 0).all()
    values = found.images.numpy() / deviation
    assert abs((values**4).mean() - 3) < 0.3  # still normal
    neighbours = (values[..., 1:] * values[..., :-1]).mean()
    assert abs(neighbours) < 4 / math.sqrt(values.size)


def test_an_image_does_not_depend_on_the_others():
    start = normal(rngs(9), (1, SIZE, SIZE))
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
    y = normal(rngs(), (1, SIZE, SIZE))
    paper = sample_implicit_prior(
        white(0.1), y, rngs(), ImplicitPriorSettings(growing=False, relative=False, sigma_last=0.05)
    )
    code = sample_implicit_prior(white(0.1), y, rngs(), ImplicitPriorSettings(growing=False))
    assert 0.04 < float(paper.sigma) <= 0.05
    assert 0 < float(code.sigma) <= 0.01 * 0.11
    assert paper.steps < code.steps


@pytest.mark.parametrize(
    ("factor", "most", "steps"), [(0.01, 5, 5), (float("nan"), 9, 1), (-1.5, 9, 2)], ids=["slow", "nan", "diverges"]
)
def test_chains_that_do_not_converge_are_told(factor, most, steps):
    y = torch.cat([normal(rngs(), (1, SIZE, SIZE)), torch.zeros(1, 1, SIZE, SIZE)])
    given = torch.tensor([factor, 0.0]).reshape(2, 1, 1, 1)
    settings = ImplicitPriorSettings(h0=0.5, beta=1, sigma_last=1e-3, most=most, relative=False)
    found = sample_implicit_prior(lambda y, factor: -factor * y, y, rngs(2), settings, [given])
    assert found.converged.tolist() == [False, True]
    assert found.steps[0] <= steps
    with pytest.raises(ValueError, match=r"the test doesn't converge in 1 of 2 chains: noise of .* is left after"):
        found.checked("the test")


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


def test_folded_networks_are_the_same():
    torch.manual_seed(0)
    net = BiasFreeCNN(BiasFreeSettings(2, 1, 8, (3, 1, 3, 3))).eval()
    for norm in net.norms:
        torch.nn.init.uniform_(norm.gain, 0.5, 2)
        norm.deviation.uniform_(0.5, 2)
    image = torch.randn(3, 2, 9, 11)
    with torch.inference_mode():
        expected = net(image)
        torch.testing.assert_close(fused(net)(image), expected)
        torch.testing.assert_close(
            inference_net(net, half=True)(image), expected, rtol=0.05, atol=0.05 * float(expected.std())
        )
        torch.testing.assert_close(net(image), expected, rtol=0, atol=0)


def checkerboard():
    return (torch.arange(SIZE)[:, None] + torch.arange(SIZE)) % 3 == 0


MEASUREMENTS = [Pixels(checkerboard()), BlockMeans(4), BlurredWaves((SIZE, SIZE), 1.2)]
named = pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: type(m).__name__)


@named
def test_measurements_are_projections(measurement):
    x, other = torch.rand(2, 3, SIZE, SIZE, dtype=torch.float64), torch.rand(2, 3, SIZE, SIZE, dtype=torch.float64)
    y = measurement.measure(x)
    torch.testing.assert_close(measurement.measure(measurement.pinv(y)), y)
    seen, other_seen = (measurement.pinv(measurement.measure(image)) for image in (x, other))
    torch.testing.assert_close((seen * other).sum(), (x * other_seen).sum())  # symmetric, so orthogonal
    assert (x - seen).abs().max() > 0.1


def test_blurred_waves_are_blurred():
    from scipy.ndimage import gaussian_filter

    rows = torch.arange(SIZE, dtype=torch.float64)[:, None]
    smooth = torch.cos(2 * math.pi * 2 * rows / SIZE).expand(1, 1, SIZE, SIZE)
    blurred = gaussian_filter(smooth[0, 0].numpy(), 1.2, mode="wrap", truncate=8)
    np.testing.assert_allclose(BlurredWaves((SIZE, SIZE), 1.2).measure(smooth)[0, 0].numpy(), blurred, atol=1e-4)
    fast = torch.cos(math.pi * rows).expand(1, 1, SIZE, SIZE)
    assert BlurredWaves((SIZE, SIZE), 1.2).measure(fast).abs().max() < 1e-12


@named
def test_samples_agree_with_the_measurement(measurement):
    clean = torch.rand(1, 1, SIZE, SIZE)
    y = measurement.measure(clean)
    settings = ImplicitPriorSettings(0.05)
    found = constrained_samples(lambda y: -white(0.3)(y - 0.5), measurement, y, BATCH + 2, rng=3, settings=settings)
    assert found.shape == (BATCH + 2, 1, SIZE, SIZE)
    assert consistency(measurement, found, y).max() <= 1e-5
    assert (found[0] - found[1]).abs().max() > 0.1
    again = constrained_samples(lambda y: -white(0.3)(y - 0.5), measurement, y, 2, rng=3, settings=settings, threads=2)
    torch.testing.assert_close(found[:2], again, rtol=0, atol=1e-4)


def test_the_direction_is_as_published():
    """With M of orthonormal columns: (I - M M^T) (-f(y)) + M (x_c - M^T y)."""
    torch.manual_seed(0)
    known, y, residual = BlockMeans(2), torch.rand(1, 1, 4, 4), torch.rand(1, 1, 4, 4)
    columns = torch.stack([known.embed(unit.reshape(1, 1, 2, 2)).flatten() for unit in torch.eye(4)], 1) / 2
    x_c = torch.rand(4)
    expected = (torch.eye(16) - columns @ columns.T) @ -residual.flatten() + columns @ (x_c - columns.T @ y.flatten())
    found = constrained(lambda _: residual, known, (columns @ x_c).reshape(1, 1, 4, 4))(y)
    torch.testing.assert_close(found.flatten(), expected)


def test_what_the_prior_and_the_measurement_decide_is_found():
    """Images of few waves, a third of the pixels known: there is one such image."""
    keep = torch.zeros(SIZE, SIZE // 2 + 1)
    keep[:3, :3] = keep[-2:, :3] = 1

    def waves(x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * keep, s=(SIZE, SIZE))

    clean = waves(torch.rand(1, 1, SIZE, SIZE))
    measurement = Pixels(checkerboard())
    settings = ImplicitPriorSettings(0.05, sigma_last=1e-4)
    found = constrained_samples(lambda y: y - waves(y), measurement, measurement.measure(clean), 3, settings=settings)
    torch.testing.assert_close(found, clean.expand_as(found), rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pixels(torch.ones(3, 3)), r"mask is float32 of shape \(3, 3\) with 9 known; expected bool"),
        (lambda: Pixels(torch.zeros(3, 3).bool()), "with 0 known"),
        (lambda: BlockMeans(0), "side is 0; expected a whole number"),
        (lambda: BlockMeans(3).measure(torch.zeros(1, 1, 4, 6)), "image is 4 x 6 px; expected multiples of 3"),
        (lambda: BlurredWaves((4, 4), -1), "deviation is -1; expected a number, 0 or more"),
        (lambda: BlurredWaves((4, 4), 1, 0), "floor is 0; expected above 0, at most 1"),
        (lambda: constrained_samples(None, BlockMeans(2), torch.zeros(2, 1, 4, 4)), "measured is of 2 images"),
        (lambda: constrained_samples(None, BlockMeans(2), torch.full((1, 1, 4, 4), math.nan)), "all finite"),
        (lambda: constrained_samples(None, BlockMeans(2), torch.zeros(1, 1, 4, 4), 0), "n is 0; expected a whole"),
    ],
)
def test_bad_measurements(make, message):
    with pytest.raises(ValueError, match=message):
        make()
