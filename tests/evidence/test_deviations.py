"""Deviations against draws of real noise, intervals against the truth."""

import json

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.evidence.interval_measurement import ENOUGH, measure_intervals
from pkn.evidence.intervals import COVERAGES, Intervals, bundled_intervals
from pkn.evidence.regions import KINDS, kinds_of
from pkn.filters import IsotropicGaussian
from pkn.io.images import ImageFile, read_image, write_image

CAMERA = data.camera()[100:196, 170:266].astype(np.float32) / 255
LEVEL = 0.1


def noisy(seed, clean=CAMERA):
    return (clean + LEVEL * np.random.default_rng(seed).standard_normal(clean.shape)).astype(np.float32)


@pytest.mark.parametrize("told", [{"sigma": LEVEL}, {}], ids=["told", "estimated"])
def test_deviations_are_those_of_real_draws(told):
    """Of the whole chain, in the median over pixels, at two images of the same scene."""
    real = np.stack([pkn.denoise(noisy(seed), **told) for seed in range(100, 200)])
    ratios = [
        np.median(pkn.uncertainty(noisy(seed), **told, draws=24, rng=seed).std ** 2 / real.var(0, ddof=1))
        for seed in range(2)
    ]
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)
    frozen = pkn.predict_maps(noisy(0), **told)  # maps that don't change say less
    with_frozen_maps = np.stack([frozen.apply(noisy(seed)) for seed in range(100, 120)]).var(0, ddof=1)
    assert np.median(with_frozen_maps / real.var(0, ddof=1)) < 0.8


def test_a_linear_filter_has_the_deviation_and_bias_that_theory_says(monkeypatch):
    """f = G y: the deviation is LEVEL sqrt(sum w^2), the bias G x - x; the bootstrap's G G y - G y."""
    gaussian = IsotropicGaussian(6)
    monkeypatch.setattr("pkn.evidence.chain.denoise", lambda image, *_, **__: gaussian(image, sigma=1.5))
    found = pkn.uncertainty(noisy(0), "bilateral", sigma=LEVEL, draws=200, rng=0)
    weights = gaussian(np.pad([[1.0]], 12), sigma=1.5)
    inner = np.s_[12:-12, 12:-12]
    assert np.sqrt((found.std[inner] ** 2).mean()) == pytest.approx(LEVEL * np.sqrt((weights**2).sum()), rel=0.02)
    once = gaussian(noisy(0), sigma=1.5)
    error = found.bias - (gaussian(once, sigma=1.5) - once)
    assert np.abs(error).max() < 6 * found.std.max() / 200**0.5
    assert found.monte_carlo_error == pytest.approx(0.0501, abs=1e-4)


def test_intervals_hold_the_truth():
    """On a scene that no interval was measured on; one scene alone has another share than all photographs."""
    found = pkn.uncertainty(noisy(1), sigma=LEVEL, rng=0)
    for coverage in (0.5, 0.9, 0.97):
        low, high = found.interval(coverage)
        assert np.mean((low <= CAMERA) & (high >= CAMERA)) == pytest.approx(coverage, abs=0.07)
    with pytest.raises(ValueError, match=r"coverage is 0.4; expected 0.5 to 0.99"):
        found.interval(0.4)
    with pytest.raises(ValueError, match="the network has no intervals"):
        pkn.uncertainty(noisy(1), "bilateral", sigma=LEVEL, draws=2).interval()


def test_colours_units_and_gaps():
    rgb = data.astronaut()[40:104, 180:276].astype(np.float32) / 255
    given = noisy(2, rgb)
    found = pkn.uncertainty(given, channel_axis=-1, draws=12, rng=0)
    assert found.std.shape == found.bias.shape == rgb.shape
    low, high = found.interval()
    assert np.mean((low <= rgb) & (rgb <= high)) == pytest.approx(0.9, abs=0.1)
    scaled = pkn.uncertainty(1000 * given + 50, channel_axis=-1, draws=12, rng=0)
    np.testing.assert_allclose(scaled.std, 1000 * found.std, rtol=0.02, atol=0.05)
    assert scaled.interval()[1] - scaled.interval()[0] == pytest.approx(1000 * (high - low), rel=0.05)
    given[20:30, 20:30] = np.nan
    assert np.isfinite(pkn.uncertainty(given, channel_axis=-1, draws=2).std[:15]).all()
    assert pkn.uncertainty((255 * CAMERA).astype(np.uint8), draws=2).result.dtype == np.float32
    with pytest.raises(ValueError, match="draws is 1; expected a whole number, 2 or more"):
        pkn.uncertainty(CAMERA, draws=1)


def test_measured_intervals_hold_what_they_were_measured_on(tmp_path):
    """Nearly as promised: levels are those that hold for images that are left out, and each image weighs the same."""
    images = [CAMERA, CAMERA[::-1], data.coins()[:96, :96].astype(np.float32) / 255]
    found = measure_intervals(images, "any-noise", levels=(LEVEL,), draws=4, rng=0, about="test")
    random, inside = np.random.default_rng(0), [[] for _ in KINDS]
    for clean in images:
        given = clean + LEVEL * random.standard_normal(clean.shape).astype(np.float32)
        sure = pkn.uncertainty(given, draws=4, rng=random)
        score = np.abs(sure.result - clean) / sure.expected_error
        for kind, kept in enumerate(inside):
            kept.append((score <= found.factors(0.9, found.levels[0], sure.kinds))[sure.kinds == kind])
    for kept in inside:
        assert np.mean([each.mean() for each in kept if each.size >= ENOUGH]) == pytest.approx(0.9, abs=0.03)
    found.save(tmp_path / "a.json")
    assert Intervals.load(tmp_path / "a.json") == found


@pytest.mark.parametrize("change", [{"table": [[[1.0]]]}, {"levels": [-1.0]}, {"levels": "x"}])
def test_damaged_files_of_intervals_are_refused(tmp_path, change):
    path = tmp_path / "a.json"
    table = [[[1.0] * len(COVERAGES)] * len(KINDS)]
    path.write_text(json.dumps({"levels": [0.1], "table": table, **change}))
    with pytest.raises(ValueError, match=r"cannot read .* as intervals"):
        Intervals.load(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"cannot read .* as intervals"):
        Intervals.load(path)


@pytest.mark.parametrize("channels", [1, 3])
def test_bundled_intervals_are_what_they_say(channels):
    found = bundled_intervals("any-noise", channels)
    table = np.array(found.table)
    assert (np.diff(table, axis=2) > 0).all()  # more coverage, wider
    assert found.about.startswith("pkn measure-intervals")
    assert found.factors(0.9, 0.3, np.zeros((2, 2), int)).shape == (2, 2)


def test_kinds():
    """A flat region, a straight edge, and a texture of two directions."""
    image = np.zeros((64, 128))
    image[:, 40:] = 1
    rows, columns = np.mgrid[:64, :48]
    image[:, 80:] = 1 + 0.5 * np.sin(rows) * np.sin(columns)
    kinds = kinds_of(image, 0.1)
    assert [KINDS[kinds[32, column]] for column in (10, 40, 105)] == ["flat", "edge", "texture"]
    assert (kinds_of(image * 1e-3, 0.1) == 0).all()


@pytest.mark.parametrize("net", ["any-noise", "bilateral"])
def test_the_command_writes_what_the_library_says(run, tmp_path, net):
    source, folder = tmp_path / "noisy.tif", tmp_path / "sure"
    write_image(source, ImageFile((noisy(3),)))
    result = run("uncertainty", source, folder, "--net", net, "--draws", 3, "--sigma", LEVEL)
    assert result.exit_code == 0, result.output
    wanted = pkn.uncertainty(noisy(3), net, sigma=LEVEL, draws=3, rng=0)
    np.testing.assert_array_equal(read_image(folder / "std.tif").pages[0], wanted.std)
    written = {path.stem for path in folder.iterdir()}
    assert written == {"result", "std", "bias"} | ({"low", "high"} if net == "any-noise" else set())
