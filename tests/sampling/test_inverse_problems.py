"""Linear inverse problems: measurements are projections, and samples agree with them exactly."""

import math

import numpy as np
import pytest
import torch

from pkn.degradations.linear_operators import BlockMeans, BlurredWaves, Pixels
from pkn.sampling.batching import BATCH
from pkn.sampling.implicit_prior import ImplicitPriorSettings
from pkn.sampling.inverse_problems import consistency, constrained, constrained_samples

SIZE = 16


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def white(deviation):
    """The direction to E[x | y] of white images, where y's own mean square tells the noise."""

    def direction(y):
        power = y.flatten(1).square().mean(1).reshape(-1, 1, 1, 1)
        return -y * (1 - deviation**2 / power).clamp_min(0)

    return direction


def checkerboard():
    return (torch.arange(SIZE)[:, None] + torch.arange(SIZE)) % 3 == 0


MEASUREMENTS = [Pixels(checkerboard()), BlockMeans(4), BlurredWaves((SIZE, SIZE), 1.2)]
named = pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: type(m).__name__)


@named
def test_measurements_are_projections(measurement):
    x, other = torch.rand(2, 2, 3, SIZE, SIZE, dtype=torch.float64, generator=generator())
    y = measurement.measure(x)
    torch.testing.assert_close(measurement.measure(measurement.pinv(y)), y)
    projected, other_projected = (measurement.pinv(measurement.measure(image)) for image in (x, other))
    torch.testing.assert_close((projected * other).sum(), (x * other_projected).sum())  # symmetric, so orthogonal
    assert (x - projected).abs().max() > 0.1


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
    clean = torch.rand(1, 1, SIZE, SIZE, generator=generator())
    y = measurement.measure(clean)
    settings = ImplicitPriorSettings(0.05)
    samples = constrained_samples(lambda y: -white(0.3)(y - 0.5), measurement, y, BATCH + 2, rng=3, settings=settings)
    assert samples.shape == (BATCH + 2, 1, SIZE, SIZE)
    assert consistency(measurement, samples, y).max() <= 1e-5
    assert (samples[0] - samples[1]).abs().max() > 0.1
    again = constrained_samples(lambda y: -white(0.3)(y - 0.5), measurement, y, 2, rng=3, settings=settings, threads=2)
    torch.testing.assert_close(samples[:2], again, rtol=0, atol=1e-4)


def test_the_direction_is_as_published():
    """With M of orthonormal columns: (I - M M^T) (-f(y)) + M (x_c - M^T y)."""
    random = generator()
    known, (y, residual) = BlockMeans(2), torch.rand(2, 1, 1, 4, 4, generator=random)
    columns = torch.stack([known.pinv(unit.reshape(1, 1, 2, 2)).flatten() for unit in torch.eye(4)], 1) / 2
    x_c = torch.rand(4, generator=random)
    expected = (torch.eye(16) - columns @ columns.T) @ -residual.flatten() + columns @ (x_c - columns.T @ y.flatten())
    samples = constrained(lambda _: residual, known, (columns @ x_c).reshape(1, 1, 4, 4))(y)
    torch.testing.assert_close(samples.flatten(), expected)


def test_what_the_prior_and_the_measurement_determine_is_reconstructed():
    """Images of few waves, a third of the pixels known: there is one such image."""
    keep = torch.zeros(SIZE, SIZE // 2 + 1)
    keep[:3, :3] = keep[-2:, :3] = 1

    def waves(x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * keep, s=(SIZE, SIZE))

    clean = waves(torch.rand(1, 1, SIZE, SIZE, generator=generator()))
    measurement = Pixels(checkerboard())
    settings = ImplicitPriorSettings(0.05, sigma_last=1e-4)
    samples = constrained_samples(lambda y: y - waves(y), measurement, measurement.measure(clean), 3, settings=settings)
    torch.testing.assert_close(samples, clean.expand_as(samples), rtol=0, atol=2e-3)


def test_progress_counts_chains():
    reports = []
    y = BlockMeans(4).measure(torch.rand(1, 1, SIZE, SIZE, generator=generator()))
    settings = ImplicitPriorSettings(0.05)
    constrained_samples(
        lambda y: -white(0.3)(y - 0.5),
        BlockMeans(4),
        y,
        BATCH + 2,
        rng=3,
        settings=settings,
        callback=lambda done, total, info: reports.append((done, total)),
    )
    assert {total for _, total in reports} == {BATCH + 2}
    assert 0 <= reports[0][0] < 1
    assert BATCH < reports[-1][0] <= BATCH + 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pixels(torch.ones(3, 3)), r"mask is float32 of shape \(3, 3\) with 9 known; expected bool"),
        (lambda: Pixels(torch.zeros(3, 3).bool()), "with 0 known"),
        (lambda: BlockMeans(0), "side is 0; expected a whole number"),
        (lambda: BlockMeans(3).measure(torch.zeros(1, 1, 4, 6)), "image is 4 x 6 px; expected multiples of 3"),
        (lambda: BlurredWaves((4, 4), -1), "deviation is -1; expected a number, 0 or more"),
        (lambda: BlurredWaves((4, 4), 1, 0), "smallest_gain is 0; expected above 0, at most 1"),
        (lambda: constrained_samples(None, BlockMeans(2), torch.zeros(2, 1, 4, 4)), "measured is of 2 images"),
        (lambda: constrained_samples(None, BlockMeans(2), torch.full((1, 1, 4, 4), math.nan)), "all finite"),
        (
            lambda: constrained_samples(None, BlurredWaves((4, 4), 2.0), torch.eye(4)[None, None]),
            "of its norm away from the measurement of any image; expected at most",
        ),
        (lambda: constrained_samples(None, BlockMeans(2), torch.zeros(1, 1, 4, 4), 0), "n is 0; expected a whole"),
    ],
)
def test_bad_measurements(make, message):
    with pytest.raises(ValueError, match=message):
        make()
