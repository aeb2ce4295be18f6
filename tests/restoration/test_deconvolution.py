"""Deconvolution with a known, an estimated and a learned blur."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

import pkn
from pkn.filters import IsotropicGaussian, Reblur
from pkn.io.images import ImageFile, read_image, write_image
from pkn.nets import MapNet
from pkn.restoration.deconvolution import _without_halo, reblur_maps
from pkn.restoration.parameter_maps import weight_facts
from pkn.restoration.reblur_design import GRID, Spectrum, spectrum_of, transfer, wiener_design

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
    out = _without_halo(v, u)
    for y in range(1, 6):
        for x in range(1, 8):
            slopes = [((a[:, y, x + 1] - a[:, y, x - 1]) / 2, (a[:, y + 1, x] - a[:, y - 1, x]) / 2) for a in (v, u)]
            opposed = max(0.0, -sum(float(a @ b) for a, b in zip(*slopes, strict=True)))
            z = opposed / (opposed + sum(float(a @ a) for a in slopes[0]))
            np.testing.assert_allclose(out[:, y, x], z * v[:, y, x] + (1 - z) * u[:, y, x], rtol=1e-12)
    assert (out != u).any()
    np.testing.assert_array_equal(_without_halo(v, v), v)


def random_field(random, spectrum):
    """An image (GRID, GRID) that wraps, with the spectrum contrast / f^falloff."""
    f = np.fft.fftfreq(GRID)
    frequency = np.hypot(f[:, None], f)
    frequency[0, 0] = np.inf
    amplitude = np.sqrt(spectrum.contrast / frequency**spectrum.falloff)
    return np.fft.ifft2(np.fft.fft2(random.standard_normal((GRID, GRID))) * amplitude).real


@pytest.mark.parametrize(("blur", "noise", "falloff"), [(0.8, 0.005, 2.6), (1.5, 0.02, 2.0), (2.0, 0.1, 2.0)])
def test_the_design_keeps_its_promise(blur, noise, falloff):
    """On images with the assumed statistics the error is the one foretold, and no neighbour does better."""
    random, spectrum, radius = np.random.default_rng(2), Spectrum(1e-3, falloff), 4
    covariance = np.array([[blur**2, 0.3], [0.3, 0.8 * blur**2]])
    design = wiener_design(covariance, noise, spectrum, radius)
    precision = np.linalg.inv(design.covariance)
    kx, ky = np.sqrt(precision[1, 1]), np.sqrt(precision[0, 0])
    h = transfer(covariance, 2 * radius)
    designed = np.array([design.gain, design.slope, design.curvature])
    changes = [np.zeros(3), *(0.2 * np.eye(3) * (1, 1, 5)), *(-0.2 * np.eye(3) * (1, 1, 5))]
    errors = np.zeros(len(changes))
    for _ in range(20):
        sharp = random_field(random, spectrum)
        blurred = np.fft.ifft2(np.fft.fft2(sharp) * h).real + noise * random.standard_normal(sharp.shape)
        for n, change in enumerate(changes):
            out = Reblur(radius, "wrap")(blurred, kx, ky, precision[0, 1] / (kx * ky), *(designed + change))
            errors[n] += np.mean((out - sharp) ** 2) / 20
    assert errors[0] == pytest.approx(design.error, rel=0.05)
    assert errors[0] == errors.min()


SPECTRUM = Spectrum(1e-3, 2.0)


def test_a_blur_that_is_not_sure_is_undone_with_care():
    sure = wiener_design(np.eye(2), 0.01, SPECTRUM, 3)
    unsure = wiener_design(np.eye(2), 0.01, SPECTRUM, 3, (0.5, 1.0, 1.5))
    assert unsure.error > sure.error
    nothing = wiener_design(np.eye(2) * 0.01, 0.0, SPECTRUM, 1)
    assert nothing.error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("falloff", [1.7, 2.0, 2.6])
def test_the_spectrum_is_found_under_blur_and_noise(falloff):
    random, covariance = np.random.default_rng(3), np.array([[2.0, 0.5], [0.5, 1.0]])
    h, found = transfer(covariance, 12), []
    for _ in range(10):
        blurred = np.fft.ifft2(np.fft.fft2(random_field(random, Spectrum(2e-3, falloff))) * h).real
        noisy = blurred + 0.02 * random.standard_normal(blurred.shape)
        found.append(spectrum_of(noisy[None], covariance, 0.02))
    contrast, found_falloff = np.mean(found, 0)
    assert found_falloff == pytest.approx(falloff, abs=0.06)
    assert contrast == pytest.approx(2e-3, rel=0.15)
    assert spectrum_of(np.full((1, 9, 9), 0.5), covariance, 0.02).contrast == 0


def disc(size=160, radius=50):
    """Black and white, with edges in all directions, not aliased."""
    rows, columns = np.mgrid[:size, :size] - size / 2
    return np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1)


def published(blur):
    """The published model, sigma^2 = c^2 / f^2 - b^2, at an ideal edge: f is a Gaussian's integral over two pixels."""
    f = 0.5 * math.erf(1 / (blur * math.sqrt(2)))
    return math.sqrt(0.352**2 / f**2 - 0.768**2)


@pytest.mark.parametrize("blur", [1.0, 2.0, 3.0])
def test_blur_is_estimated(blur):
    found = np.sqrt(np.linalg.eigvalsh(pkn.estimate_blur(gaussian_filter(disc(), blur))))
    np.testing.assert_allclose(found, published(math.sqrt(blur**2 + 1 / 12)), rtol=0.08)


@pytest.mark.parametrize("blur", [0.8, 1.5, 2.5])
def test_blur_of_a_photograph_is_estimated_roughly(blur):
    found = np.sqrt(np.linalg.eigvalsh(pkn.estimate_blur(degrade(data.camera() / np.float32(255), blur, 3 / 255))))
    np.testing.assert_allclose(found, blur, rtol=0.4)


@pytest.mark.parametrize("angle", [0, 30, 60, 90, 120, 150])
def test_the_direction_of_blur_is_estimated(angle):
    axis = np.array([np.sin(np.radians(angle)), np.cos(np.radians(angle))])  # (row, column)
    covariance = np.eye(2) + 8 * np.outer(axis, axis)
    f = np.fft.fftfreq(160)
    waves = np.stack(np.meshgrid(f, f, indexing="ij"), -1)
    h = np.exp(-2 * np.pi**2 * np.einsum("...i,ij,...j", waves, covariance, waves))
    variances, axes = np.linalg.eigh(pkn.estimate_blur(np.fft.ifft2(np.fft.fft2(disc()) * h).real))
    np.testing.assert_allclose(np.sqrt(variances), [published(1), published(3)], rtol=0.15)
    assert abs(axes[:, 1] @ axis) > np.cos(np.radians(8))


def test_blur_estimates_know_their_limits():
    assert np.linalg.eigvalsh(pkn.estimate_blur(np.round(disc())))[0] <= 0.35**2
    np.testing.assert_allclose(pkn.estimate_blur(np.full((5, 6), 0.3)), np.eye(2) * 0.09)
    np.testing.assert_allclose(pkn.estimate_blur(np.zeros((1, 1))), np.eye(2) * 0.09)
    ramp = np.linspace(0, 1, 400)[None] + np.linspace(0, 1, 300)[:, None]
    np.testing.assert_allclose(pkn.estimate_blur(ramp), np.eye(2) * 16)


def test_estimates_ignore_what_is_missing():
    image = gaussian_filter(disc(), 1.5)
    expected = pkn.estimate_blur(image)
    spoiled, mask = image.copy(), np.ones(image.shape, bool)
    spoiled[2, 3] = np.nan
    spoiled[-5:, -5:], mask[-5:, -5:] = np.random.default_rng(0).random((5, 5)) * 9, False
    np.testing.assert_array_equal(pkn.estimate_blur(spoiled, mask=mask), expected)
    colour = np.stack([image] * 3)
    np.testing.assert_allclose(pkn.estimate_blur(colour, channel_axis=0), expected, rtol=1e-6)


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
    full = pkn.deconvolve(blurred, blur=1.2)
    part = np.linspace(0, 1, SHARP.shape[1], dtype=np.float32) * np.ones(SHARP.shape, np.float32)
    mixed = pkn.deconvolve(blurred, blur=1.2, strength=part)
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
    out = pkn.deconvolve(blurred, net, strength=0.5, sigma=0.01)
    np.testing.assert_array_equal(out, pkn.predict_maps(blurred, net, strength=0.5, sigma=0.01).apply(blurred))
    assert np.abs(out - blurred).max() > 1e-3


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
    ({"blur": 1, "dtype": "int8"}, ValueError, r"dtype is 'int8'"),
    ({"alpha": 2}, ValueError, r"blur is None, but .*'alpha': 2"),
    ({"net": "no such net"}, ValueError, r"net is 'no such net'"),
]


@pytest.mark.parametrize(("given", "kind", "says"), BAD, ids=lambda value: str(value)[:40])
def test_what_is_refused(given, kind, says):
    with pytest.raises(kind, match=says):
        pkn.deconvolve(SHARP, **given)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "in.png"
    write_image(path, ImageFile((np.rint(degrade(SHARP, 1.5, 0.01).clip(0, 1) * 255).astype(np.uint8),)))
    return path


@pytest.mark.parametrize(("said", "blur"), [("1.5", 1.5), ("estimate", "estimate"), ("2,0.5,1", [[2, 0.5], [0.5, 1]])])
def test_the_command_is_the_verb(run, file, tmp_path, said, blur):
    result = run("deconvolve", file, tmp_path / "out.png", "--blur", said, "--strength", 0.8)
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
    exact = np.abs(maps.kernel_at(image, (80, 90))).sum()  # one value a map: alike everywhere but at the edges
    (name, value), *rest = weight_facts(maps, image)
    assert not rest
    assert name == "sum of |w|"
    assert f"at most {exact:.2f}" in value
    page = (tmp_path / "page.html").read_text()
    assert f'<th scope="row">{name}</th><td>{value}</td>' in page
    assert weight_facts(pkn.ParameterMaps(IsotropicGaussian(2), {"sigma": np.ones(image.shape)}), image) == []


@pytest.mark.parametrize("said", ["wide", "1,2", "1,2,x"])
def test_the_command_refuses_what_is_no_blur(run, file, tmp_path, said):
    result = run("deconvolve", file, tmp_path / "out.png", "--blur", said)
    assert result.exit_code == 2
    assert "neither a number of pixels" in result.output
    assert not (tmp_path / "out.png").exists()
