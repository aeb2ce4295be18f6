"""Contrast-detail studies against what is known of white noise, linear filters and simple scores."""

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter
from scipy.special import ive
from scipy.stats import norm

import pkn
from pkn.evaluation.contrast_detail import (
    bar,
    bootstrap_thresholds,
    contrast_transfer,
    disc,
    split,
    threshold_contrast,
    tile,
)
from pkn.evaluation.observers import (
    detectability,
    hotelling_scores,
    ideal_detectability,
    share_correct,
    template_scores,
    threshold_detectability,
)

SIDE, CELLS, SIGMA = 24, 40, 0.1
SIGNALS = [disc(4, SIDE), disc(9, SIDE), bar(1.5, 12, SIDE)]


def cells(signal, contrast, process=lambda image: image, seed=0):
    """Cells without and with a signal, of independent noise, after a process."""
    random = np.random.default_rng(seed)
    clean = contrast * tile(signal, CELLS)
    present, absent = (process(image + random.normal(0, SIGMA, clean.shape)) for image in (clean, 0))
    return split(present, SIDE), split(absent, SIDE)


def test_signals_have_the_size_they_say():
    assert disc(10, 16).sum() == pytest.approx(25 * np.pi, rel=2e-3)
    assert bar(3, 10, 16, angle=37).sum() == pytest.approx(30, rel=2e-3)
    assert bar(2, 4, 8, angle=0).sum(0).tolist() == [0, 0, 2, 2, 2, 2, 0, 0]
    y = np.arange(16) - 7.5
    assert np.sum(disc(10, 16) * y[:, None] ** 2) / disc(10, 16).sum() == pytest.approx(25 / 4, rel=0.02)


def test_cells_are_what_was_tiled():
    signal = np.random.default_rng(0).random((3, 3))
    assert np.array_equal(split(tile(signal, 2), 3), [signal] * 4)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("wanted", [1.0, 2.5])
def test_in_white_noise_the_template_is_the_ideal_observer(signal, wanted):
    contrast = wanted / ideal_detectability(signal, 1, SIGMA)
    present, absent = cells(signal, contrast)
    assert detectability(*template_scores(present, absent, signal)) == pytest.approx(wanted, abs=0.15)
    assert detectability(*hotelling_scores(present, absent, signal)) == pytest.approx(wanted, abs=0.15)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("width", [0.7, 1.2])
def test_an_invertible_filter_takes_nothing_from_the_hotelling_observer(signal, width):
    wanted = 2.5
    contrast = wanted / ideal_detectability(signal, 1, SIGMA)
    kernel = np.zeros((5, 5))
    kernel[2, 2] = 1
    kernel = kernel - 0.9 * gaussian_filter(kernel, width)  # its response is 0.1 at frequency 0 and above it elsewhere
    present, absent = cells(signal, contrast, lambda image: convolve(image, kernel, mode="wrap"))
    assert detectability(*hotelling_scores(present, absent, signal)) == pytest.approx(wanted, abs=0.25)
    assert detectability(*template_scores(present, absent, signal)) < wanted - 0.1


@pytest.mark.parametrize("process", [lambda x: x * (abs(x) > 2 * SIGMA), lambda x: gaussian_filter(np.abs(x), 1)])
def test_no_processing_exceeds_the_ideal_observer(process):
    signal = SIGNALS[1]
    present, absent = cells(signal, 2 / ideal_detectability(signal, 1, SIGMA), process)
    assert detectability(*hotelling_scores(present, absent, signal)) < 2 + 0.15


@pytest.mark.parametrize(("width", "blur"), [(2, 1), (2, 3.0), (4, 2.0)])
def test_a_gaussian_blurs_transfer_of_a_gaussian_is_known(width, blur):
    y, x = np.mgrid[-31.5:32, -31.5:32]
    signal = np.exp(-(x**2 + y**2) / (2 * width**2))
    blurred = gaussian_filter(0.3 * signal, blur, truncate=6)
    noise = np.random.default_rng(0).normal(0, SIGMA, signal.shape)
    found = contrast_transfer((noise + blurred)[None], noise[None], signal, 0.3)
    assert found[0] == pytest.approx(2 * width**2 / (2 * width**2 + blur**2), abs=1e-3)


@pytest.mark.parametrize(("diameter", "blur"), [(8, 1.5), (8, 3.0), (14, 2.0)])
def test_a_gaussian_blurs_transfer_of_a_disc_is_known(diameter, blur):
    """Of a disc of radius R: 1 - exp(-a) (I0(a) + I1(a)), a = R² / blur²; pixels add 1/12 to the variance, twice."""
    signal, ratio = disc(diameter, 48), (diameter / 2) ** 2 / (blur**2 + 1 / 6)
    blurred = gaussian_filter(signal, blur, truncate=6)
    found = contrast_transfer(0.3 * blurred[None], np.zeros((1, 48, 48)), signal, 0.3)
    true = (1 - ive(0, ratio) - ive(1, ratio)) * np.pi * (diameter / 2) ** 2 / np.sum(signal**2)
    assert found[0] == pytest.approx(true, rel=0.01)


def test_the_share_correct_counts_pairs():
    random = np.random.default_rng(0)
    present, absent = random.integers(0, 6, 30) + 1.0, random.integers(0, 6, 20) * 1.0
    pairs = np.sign(present[:, None] - absent)
    assert share_correct(present, absent) == pytest.approx(np.mean((pairs + 1) / 2))


def test_signals_that_vanish_now_and_then_are_not_flattered():
    """Of 90 % certainly seen and 10 % wiped out, 95 % of pairs are told right; means over deviations say 4.2."""
    random = np.random.default_rng(0)
    present = 100.0 * (random.random(4000) < 0.9) + random.normal(0, 1, 4000)
    absent = random.normal(0, 1, 4000)
    assert detectability(present, absent) == pytest.approx(np.sqrt(2) * norm.ppf(0.95), abs=0.1)


def test_d_prime_is_finite_where_nothing_overlaps():
    assert 3 < detectability(np.ones(10), np.zeros(10)) < 4
    assert detectability(np.zeros(10), np.zeros(10)) == 0


@pytest.mark.parametrize(("factor", "power"), [(3.0, 1.0), (0.7, 2.3)])
def test_the_threshold_of_a_power_law(factor, power):
    contrasts = np.geomspace(0.1, 10, 200)
    true = (threshold_detectability() / factor) ** (1 / power)
    assert threshold_contrast(contrasts, factor * contrasts**power) == pytest.approx(true, rel=1e-3)
    assert threshold_contrast(contrasts, factor * contrasts**power, correct=0.75) < true


def test_thresholds_at_the_ends():
    assert threshold_contrast([1, 2], [0.1, 0.2]) == np.inf
    assert threshold_contrast([1, 2], [5.0, 6.0]) == 1
    assert threshold_contrast([1, 2, 4], [1.0, 2.5, 2.3]) == pytest.approx(
        threshold_contrast([1, 2, 4], [1.0, 2.4, 2.4])
    )


def test_the_bootstraps_spread_is_that_of_studies():
    contrasts, number = np.array([0.5, 1, 2, 4]), 60

    def scores(seed):
        random = np.random.default_rng(seed)
        absent = random.normal(0, 1, number)
        return random.normal(0, 1, number) + contrasts[:, None], np.tile(absent, (len(contrasts), 1))

    studies = [
        threshold_contrast(contrasts, [detectability(*pair) for pair in zip(*scores(seed), strict=True)])
        for seed in range(60)
    ]
    spreads = [np.std(bootstrap_thresholds(contrasts, *scores(seed), rng=0)) for seed in range(3)]
    assert np.mean(spreads) == pytest.approx(np.std(studies), rel=0.35)


def denoised(signal, wanted, strength):
    """Cells with a signal at a d' of the ideal observer, and the share of its contrast that is left of it."""
    contrast = wanted / ideal_detectability(signal, 1, SIGMA) if wanted else 0.0
    clean = 0.4 + contrast * tile(signal, 5)
    noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    return contrast, split(pkn.denoise(noisy.astype(np.float32), strength=strength), 48)


def test_what_the_default_loses_of_a_small_disc_and_what_it_keeps():
    """As docs/evidence.md says: the contrast of what is faint, not its sum; less at a lower strength."""
    signal, left = disc(4, 48), {}
    for strength in (0.5, 1):
        _, absent = denoised(signal, 0, strength)
        for wanted in (4.4, 12):
            contrast, present = denoised(signal, wanted, strength)
            left[strength, wanted] = contrast_transfer(present, absent, signal, contrast).mean()
            total = np.sum(present - absent) / (contrast * signal.sum() * len(present))
            assert total == pytest.approx(1, abs=0.25)  # 25 cells
    assert left[1, 4.4] < 0.2 < left[0.5, 4.4] < left[0.5, 12]
    assert left[1, 12] > 0.5


def test_denoised_pixels_are_not_independent():
    _, flat = denoised(disc(4, 48), 0, 1)
    means = flat.reshape(-1, 3, 16, 3, 16).mean((2, 4))
    assert means.std() > 5 * flat.std() / 16  # what independent pixels would have
    assert means.std() > 0.4 * SIGMA / 16  # hardly better than before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: disc(0, 8), "diameter is 0; expected above 0 and below the cell's side, 8"),
        (lambda: disc(9, 8), "diameter is 9; expected"),
        (lambda: bar(1, 9, 8), "length is 9; expected"),
        (lambda: bar(3, 2, 8), "width is 3; expected at most the length, 2"),
        (lambda: split(np.zeros((4, 5)), 2), r"image is of shape \(4, 5\); expected multiples of the cell's side, 2"),
        (lambda: threshold_contrast([1, 2], [1, 2], correct=0.5), "correct is 0.5; expected a share above 0.5"),
        (lambda: threshold_contrast([2, 1], [1, 2]), r"contrasts is \[2.0, 1.0\]; expected one above 0 for each d'"),
        (lambda: threshold_contrast([0, 1], [1, 2]), "contrasts is"),
        (lambda: hotelling_scores(np.zeros((9, 4, 4)), np.zeros((9, 4, 4)), np.ones((4, 4))), "has 9 cells; expected"),
    ],
)
def test_errors_say_what_came_and_what_is_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
