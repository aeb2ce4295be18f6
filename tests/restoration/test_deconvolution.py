"""Deconvolution with a known, an estimated and a learned blur."""

from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn
from pkn.filters import IsotropicGaussian, Reblur
from pkn.io.images import ImageFile, read_image, write_image
from pkn.nets import MapNet
from pkn.restoration.deconvolution import _suppress_halo, prepared, reblur_maps
from pkn.restoration.parameter_maps import weight_facts

SHARP = data.camera()[100:260, 150:330] / np.float32(255)


def degrade(sharp, blur, noise, seed=0):
    return (gaussian_filter(sharp, blur) + np.random.default_rng(seed).normal(0, noise, sharp.shape)).astype(np.float32)


def gain(image, blurred, sharp=SHARP):
    """In dB."""
    return 10 * np.log10(np.mean((blurred - sharp) ** 2) / np.mean((image - sharp) ** 2))


@pytest.mark.parametrize("blur", [0.8, 1.5, 2.5])
@pytest.mark.parametrize("noise", [1 / 255, 5 / 255])
def test_a_known_blur_is_undone_with_what_the_noise_allows(blur, noise):
    blurred = degrade(SHARP, blur, noise)
    fitted = gain(pkn.deconvolve(blurred, blur=blur), blurred)
    published = gain(pkn.deconvolve(blurred, blur=blur, alpha=2, beta=3), blurred)
    assert fitted > 1
    assert fitted > published
    assert gain(pkn.deconvolve(blurred, blur="estimate"), blurred) > 0.5


def test_an_oblong_blur_has_rows_first():
    blurred = degrade(SHARP, (2.0, 0.5), 1 / 255)
    right, wrong = (gain(pkn.deconvolve(blurred, blur=np.diag(v)), blurred) for v in ([4.0, 0.25], [0.25, 4.0]))
    assert right > 1.5
    assert right > wrong + 1


def test_a_number_is_a_round_covariance():
    blurred = degrade(SHARP, 1.2, 0.01)
    np.testing.assert_array_equal(pkn.deconvolve(blurred, blur=1.2), pkn.deconvolve(blurred, blur=np.eye(2) * 1.2**2))


def test_published_coefficients_are_the_published_polynomial():
    blurred, k = degrade(SHARP, 1.5, 0.01), IsotropicGaussian(5)
    alpha, beta = 2.0, 3.0
    out = (alpha / 2 - beta + 2) * blurred
    out = k(out, 1.5) + (3 * beta - alpha - 6) * blurred
    out = k(out, 1.5) + (5 - 3 * beta + alpha / 2) * blurred
    out = k(out, 1.5) + beta * blurred
    for given in ({"alpha": 2}, {"beta": 3}):
        ours = pkn.deconvolve(blurred, blur=1.5, halo_suppression=False, **given)
        np.testing.assert_allclose(ours, out, rtol=0, atol=1e-5)


def test_iterations_share_a_known_blur():
    blurred = degrade(SHARP, 1.5, 0.0)
    once = pkn.deconvolve(blurred, blur=1.5 / 2**0.5, alpha=2)
    twice = pkn.deconvolve(once, blur=1.5 / 2**0.5, alpha=2)
    np.testing.assert_allclose(pkn.deconvolve(blurred, blur=1.5, alpha=2, iterations=2), twice, rtol=0, atol=1e-5)
    assert gain(pkn.deconvolve(blurred, blur="estimate", alpha=2, iterations=2), blurred) > 0.5


def test_halo_suppression_is_its_formula():
    random = np.random.default_rng(1)
    v, u = random.random((2, 3, 7, 9))
    out = _suppress_halo(v, u)
    for y in range(1, 6):
        for x in range(1, 8):
            slopes = [((a[:, y, x + 1] - a[:, y, x - 1]) / 2, (a[:, y + 1, x] - a[:, y - 1, x]) / 2) for a in (v, u)]
            opposed = max(0.0, -sum(float(a @ b) for a, b in zip(*slopes, strict=True)))
            z = opposed / (opposed + sum(float(a @ a) for a in slopes[0]))
            np.testing.assert_allclose(out[:, y, x], z * v[:, y, x] + (1 - z) * u[:, y, x], rtol=1e-12)
    assert (out != u).any()
    np.testing.assert_array_equal(_suppress_halo(v, v), v)


@pytest.mark.parametrize("how", [{"blur": 1.2}, {"blur": "estimate", "alpha": 6, "beta": 1, "iterations": 2}])
def test_missing_pixels_do_not_matter(how):
    blurred, mask = degrade(SHARP, 1.2, 0.01), np.ones(SHARP.shape, bool)
    mask[40:43, 50:60] = False
    results = []
    for hole in (np.nan, 0.7, 1e30):
        image = blurred.copy()
        image[~mask] = hole
        results.append(pkn.deconvolve(image, **how, mask=mask))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert np.isfinite(results[0]).all()


@pytest.mark.parametrize("hole", ["scattered", "block"])
def test_many_missing_pixels_do_not_hide_the_noise(hole):
    blurred, random = degrade(SHARP, 1.2, 2 / 255), np.random.default_rng(0)
    mask = random.random(SHARP.shape) > 0.55
    if hole == "block":
        mask[:], mask[:, 80:] = False, True
    out = pkn.deconvolve(blurred, blur=1.2, mask=mask)[mask]
    assert gain(out, blurred[mask], SHARP[mask]) > 0.3
    assert out.min() > -0.2
    assert out.max() < 1.3


@pytest.mark.parametrize("quality", [30, 50, 75, 90])
def test_what_jpeg_left_is_not_sharpened(quality):
    file, blurred = BytesIO(), gaussian_filter(data.camera() / 255, 1.2)
    Image.fromarray(np.uint8(blurred * 255 + 0.5)).save(file, "jpeg", quality=quality)
    compressed, sharp = np.asarray(Image.open(file)), data.camera() / 255
    for part in (np.s_[:, :], np.s_[3:, 5:]):
        restored = pkn.deconvolve(compressed[part], blur=1.2, dtype=np.float32)
        assert gain(restored, compressed[part] / 255, sharp[part]) > 0.8


def test_a_noise_level_that_is_too_large_does_not_smooth_all_away():
    """The smallest differences are then smaller than that noise's, as those of correlated noise are."""
    blurred = degrade(SHARP, 1.2, 0.003)
    steps = np.diff(blurred).std() / np.sqrt(2)
    assert gain(pkn.deconvolve(blurred, blur=1.2, sigma=1.01 * steps), blurred) > -1


def test_what_comes_back():
    image = np.stack([data.astronaut()[:60, :70, c] for c in range(3)])
    out = pkn.deconvolve(image, blur=1.0, channel_axis=0, dtype="same")
    assert (out.shape, out.dtype) == (image.shape, np.uint8)
    last = pkn.deconvolve(np.moveaxis(image, 0, -1), blur=1.0, channel_axis=-1, dtype="same")
    np.testing.assert_array_equal(np.moveaxis(last, -1, 0), out)
    assert pkn.deconvolve(image[0] / 255, blur=1.0).dtype == np.float64
    for one in (np.full((1, 1), 0.3), np.full((1, 9), 0.3), np.full((7, 2), 0.3)):
        np.testing.assert_allclose(pkn.deconvolve(one, blur=2.0), one)
        np.testing.assert_allclose(pkn.deconvolve(one, blur="estimate", alpha=2), one)


def test_strength_and_maps():
    blurred = degrade(SHARP, 1.2, 0.01)
    np.testing.assert_array_equal(pkn.deconvolve(blurred, blur=1.2, strength=0), blurred)
    np.testing.assert_array_equal(pkn.deconvolve(blurred, blur=1.2, strength=0, alpha=2), blurred)
    near = pkn.deconvolve(blurred, blur=1.2, strength=0.5)
    assert np.std(near - blurred) < np.std(pkn.deconvolve(blurred, blur=1.2) - blurred)
    full = pkn.deconvolve(blurred, blur=1.2, denoiser=None)
    part = np.linspace(0, 1, SHARP.shape[1], dtype=np.float32) * np.ones(SHARP.shape, np.float32)
    mixed = pkn.deconvolve(blurred, blur=1.2, strength=part, denoiser=None)
    np.testing.assert_allclose(mixed, blurred + part * (full - blurred), rtol=0, atol=1e-5)
    maps = reblur_maps(blurred, 1.2)
    np.testing.assert_array_equal(maps.apply(blurred), full)
    assert maps.provenance["blur"] == [[pytest.approx(1.44), 0], [0, pytest.approx(1.44)]]
    assert reblur_maps(blurred, 1.2, alpha=2)["gain"].max() == 3
    levels = np.full(SHARP.shape, 0.02)
    np.testing.assert_array_equal(
        pkn.deconvolve(blurred, blur=1.2, sigma=levels), pkn.deconvolve(blurred, blur=1.2, sigma=0.02)
    )


def test_a_network_sets_the_maps():
    torch.manual_seed(0)
    net = MapNet(Reblur(2), 1, width=4, depth=1)
    blurred = degrade(SHARP, 1.2, 0.01)
    out = pkn.deconvolve(blurred, net, strength=0.5, sigma=0.01, denoiser=None)
    np.testing.assert_array_equal(out, pkn.predict_maps(blurred, net, strength=0.5, sigma=0.01).apply(blurred))
    assert np.abs(out - blurred).max() > 1e-3


@pytest.mark.parametrize("blur", [None, 1.2, "estimate"])
@pytest.mark.parametrize("options", [{}, {"sigma": 0.02}, {"strength": 0.7}], ids=str)
def test_two_steps_are_the_two_that_the_docs_name(blur, options):
    blurred = degrade(SHARP, 1.2, 0.02)
    given, left = prepared(blurred, blur, **options)
    rest = {"strength": options.get("strength", 1.0), "sigma": left}
    maps = reblur_maps(given, blur, **rest) if blur else pkn.predict_maps(given, "reblur", **rest)
    np.testing.assert_array_equal(pkn.deconvolve(blurred, blur=blur, **options), maps.apply(given))


@pytest.mark.parametrize("blur", [None, 1.2, "estimate"])
@pytest.mark.parametrize(("noise", "better"), [(2, -0.1), (5, 0.2), (20, 1.0)])
def test_noise_is_taken_before_sharpening(blur, noise, better):
    sharp = data.camera()[100:300, 100:300] / 255
    blurred = gaussian_filter(sharp, 1.2) + noise / 255 * np.random.default_rng(0).standard_normal(sharp.shape)
    ours, alone = (gain(pkn.deconvolve(blurred, blur=blur, **how), blurred, sharp) for how in ({}, {"denoiser": None}))
    assert ours > alone + better - 0.3 * (blur is not None)


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("blur", [1.2, "estimate", np.ones((3, 3))], ids=str)
def test_any_number_of_channels(channels, blur):
    blurred = np.stack([degrade(SHARP * part, 1.2, 0.02) for part in np.linspace(1, 0.7, channels)], axis=-1)
    out = pkn.deconvolve(blurred, blur=blur, channel_axis=-1)
    assert out.shape == blurred.shape
    assert np.isfinite(out).all()
    if channels == 1:
        alone = pkn.deconvolve(blurred[..., 0], blur=blur)
        np.testing.assert_allclose(out[..., 0], alone, atol=1e-6)


BAD = [
    ({"blur": -1}, ValueError, r"blur is -1; expected a standard deviation of 0 to 8 px"),
    ({"blur": 9.0}, ValueError, r"blur is 9.0; expected"),
    ({"blur": np.nan}, ValueError, r"blur is nan; expected"),
    ({"blur": "guess"}, TypeError, r"blur is 'guess'; expected .* or \"estimate\""),
    ({"blur": [1, 2]}, ValueError, r"blur has shape \(2,\); expected"),
    ({"blur": [[1, 2], [0, 1]]}, ValueError, r"expected a symmetric matrix"),
    ({"blur": [[1, 2], [2, 1]]}, ValueError, r"blur has the variances .* expected 0 to 64"),
    ({"blur": 1, "iterations": 2}, ValueError, r"iterations is 2; expected 1, or alpha and beta"),
    ({"blur": 1, "alpha": 2, "iterations": 4}, ValueError, r"iterations is 4; expected a whole number from 1 to 3"),
    ({"blur": 1, "alpha": "2"}, TypeError, r"alpha is '2'; expected a number"),
    ({"blur": 1, "beta": 1e9}, ValueError, r"beta is 1000000000.0; expected -100 to 100"),
    ({"blur": 1, "halo_suppression": 1}, TypeError, r"halo_suppression is 1; expected True, False or None"),
    ({"blur": 1, "sigma": -1}, ValueError, r"sigma is -1; expected"),
    ({"blur": 1, "strength": -1}, ValueError, r"strength is -1"),
    ({"blur": 1, "dtype": "int64"}, ValueError, r"dtype is 'int64'"),
    ({"alpha": 2}, ValueError, r"blur is None, but .*'alpha': 2"),
    ({"net": "no such net"}, ValueError, r"net is 'no such net'"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        pkn.deconvolve(SHARP, **options)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "in.png"
    write_image(path, ImageFile((np.rint(degrade(SHARP, 1.5, 0.01).clip(0, 1) * 255).astype(np.uint8),)))
    return path


@pytest.mark.parametrize(
    ("argument", "blur"), [("1.5", 1.5), ("estimate", "estimate"), ("2,0.5,1", [[2, 0.5], [0.5, 1]])]
)
def test_the_command_is_the_verb(run, file, tmp_path, argument, blur):
    result = run("deconvolve", file, tmp_path / "out.png", "--blur", argument, "--strength", 0.8)
    assert result.exit_code == 0, result.output
    image = read_image(file).pages[0]
    expected = pkn.deconvolve(image, blur=blur, strength=0.8, dtype="same")
    np.testing.assert_array_equal(read_image(tmp_path / "out.png").pages[0], expected)


def test_the_commands_report_says_how_much_is_amplified(run, file, tmp_path):
    extras = ("--blur", 1.5, "--maps", tmp_path / "maps", "--report", tmp_path / "page.html")
    result = run("deconvolve", file, tmp_path / "out.png", *extras)
    assert result.exit_code == 0, result.output
    maps = pkn.ParameterMaps.load(tmp_path / "maps" / "maps.npz")
    image = read_image(file).pages[0]
    exact = np.abs(maps.kernel_at(image, (80, 90))).sum()  # one value a map: the same everywhere but at the edges
    (name, value), *rest = weight_facts(maps, image)
    assert not rest
    assert name == "sum of |w|"
    assert f"at most {exact:.2f}" in value
    page = (tmp_path / "page.html").read_text()
    assert f'<th scope="row">{name}</th><td>{value}</td>' in page
    assert weight_facts(pkn.ParameterMaps(IsotropicGaussian(2), {"sigma": np.ones(image.shape)}), image) == []


@pytest.mark.parametrize("argument", ["wide", "1,2", "1,2,x"])
def test_the_command_refuses_what_is_no_blur(run, file, tmp_path, argument):
    result = run("deconvolve", file, tmp_path / "out.png", "--blur", argument)
    assert result.exit_code == 2
    assert "neither a number of pixels" in result.output
    assert not (tmp_path / "out.png").exists()
