"""What is special to single filters: analytic results, and comparisons with SciPy and OpenCV."""

import cv2
import naive
import numpy as np
import pytest
import scipy.ndimage

from pkn.filters import (
    AnisotropicBilateral,
    AnisotropicGaussian,
    Bilateral,
    FreeKernel,
    IsotropicGaussian,
    NonLocalMeans,
)
from pkn.filters.engine.borders import MODES

IMAGE = np.random.default_rng(0).random((13, 17)).astype(np.float32)
SIGMA = np.exp(np.random.default_rng(1).uniform(np.log(0.2), np.log(8), IMAGE.shape)).astype(np.float32)
IMAGE.flags.writeable = SIGMA.flags.writeable = False


@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_gaussian_is_scipys(border, sigma):
    # scipy cuts its kernel at the same radius and normalises it there; the square window is separable.
    expected = scipy.ndimage.gaussian_filter(IMAGE.astype(np.float64), sigma, mode=border, radius=2)
    out = IsotropicGaussian(radius=2, border=border)(IMAGE, sigma)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)


def test_wide_gaussian_is_a_box():
    expected = scipy.ndimage.uniform_filter(IMAGE.astype(np.float64), 5)
    for out in (
        IsotropicGaussian(radius=2)(IMAGE, np.inf),
        AnisotropicGaussian(radius=2)(IMAGE, 0, 0, 0.5),
        Bilateral(radius=2)(IMAGE, np.inf, np.inf),
        FreeKernel(radius=2)(IMAGE, np.zeros((5, 5))),
        NonLocalMeans(radius=2)(IMAGE, 0.1, sigma=10),  # all distances are below the noise
    ):
        np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)


def test_anisotropic_gaussian_with_equal_axes_is_isotropic():
    expected = IsotropicGaussian(radius=2)(IMAGE, SIGMA)
    np.testing.assert_allclose(AnisotropicGaussian(radius=2)(IMAGE, 1 / SIGMA, 1 / SIGMA, 0), expected, atol=1e-6)


def test_axes_and_tilt_of_the_anisotropic_gaussian():
    spec = AnisotropicGaussian(radius=2)
    tall = spec.kernel_at(IMAGE, (1.0, 0.25, 0.0), (6, 8))  # kx is along columns
    np.testing.assert_allclose(tall[2, 3] / tall[2, 2], np.exp(-0.5), rtol=1e-6)
    np.testing.assert_allclose(tall[3, 2] / tall[2, 2], np.exp(-0.5 / 16), rtol=1e-6)
    tilted = spec.kernel_at(IMAGE, (1.0, 0.5, 0.6), (6, 8))
    # exp(-(1 + 0.25 -+ 2 * 0.6 * 0.5) / 2) on the two diagonals: widest where dx = -dy
    np.testing.assert_allclose(tilted[1, 3] / tilted[2, 2], np.exp(-(1.25 - 0.6) / 2), rtol=1e-6)
    np.testing.assert_allclose(tilted[3, 3] / tilted[2, 2], np.exp(-(1.25 + 0.6) / 2), rtol=1e-6)


def test_bilaterals_without_range_are_gaussians():
    np.testing.assert_array_equal(Bilateral(radius=2)(IMAGE, SIGMA, np.inf), IsotropicGaussian(radius=2)(IMAGE, SIGMA))
    shape = (1 / SIGMA, 0.7, 0.9)
    expected = AnisotropicGaussian(radius=2)(IMAGE, *shape)
    np.testing.assert_array_equal(AnisotropicBilateral(radius=2)(IMAGE, *shape, np.inf), expected)


@pytest.mark.parametrize("sigma_range", [0.05, 0.2, 1.0])
def test_bilateral_is_opencvs_where_windows_agree(sigma_range):
    # OpenCV's window is a disc: the corners that it leaves out weigh exp(-5 / (2 * 0.4^2)) = 2e-7 at most.
    expected = cv2.bilateralFilter(IMAGE, 5, sigma_range, 0.4, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(Bilateral(radius=2)(IMAGE, 0.4, sigma_range), expected, rtol=0, atol=2e-6)


def test_the_naive_bilateral_is_opencvs():
    """With OpenCV's disc as its window, the reference itself is tested, at wide sigmas too."""

    def on_a_disc(dr, dc, d2, **maps):
        return naive.bilateral(dr, dc, d2, **maps) * (dr**2 + dc**2 <= 4)

    maps = {"sigma_space": np.full(IMAGE.shape, 1.5), "sigma_range": np.full(IMAGE.shape, 0.2)}
    reference, _ = naive.window_filter(on_a_disc, False, IMAGE[None], None, maps, 2, "reflect")
    expected = cv2.bilateralFilter(IMAGE, 5, 0.2, 1.5, borderType=cv2.BORDER_REFLECT)
    np.testing.assert_allclose(reference[0], expected, rtol=0, atol=2e-6)


def test_bilateral_keeps_an_edge_that_a_gaussian_blurs():
    step = np.zeros((9, 12), np.float32)
    step[:, 6:] = 1
    np.testing.assert_allclose(Bilateral(radius=2)(step, 2, 0.1), step, rtol=0, atol=1e-20)  # exp(-50) is left
    assert np.abs(IsotropicGaussian(radius=2)(step, 2) - step).max() > 0.3


def test_non_local_means_averages_exact_repeats():
    """On a pattern of period 2 the 9 repeats in a 5 x 5 window have distance 0 and equal weights; the others have 0."""
    pattern = np.tile(np.array([[0.1, 0.9], [0.4, 0.6]], np.float32), (5, 6))
    spec = NonLocalMeans(radius=2, patch_radius=1, border="wrap")
    expected = np.zeros((5, 5))
    expected[::2, ::2] = 1 / 9
    for position in [(0, 0), (4, 5), (9, 11)]:
        np.testing.assert_allclose(spec.kernel_at(pattern, (0.01,), position), expected, rtol=1e-6)
    np.testing.assert_array_equal(spec(pattern, 0.01), pattern)


@pytest.mark.parametrize("h", [10, 40])
def test_non_local_means_is_opencvs(h):
    wave = 128 + 60 * np.sin(np.arange(40) / 3)[:, None]
    noisy = np.clip(wave + np.random.default_rng(2).normal(0, 20, (40, 50)), 0, 255).astype(np.uint8)
    expected = cv2.fastNlMeansDenoising(noisy, None, h, 3, 5)
    out = 255 * NonLocalMeans(radius=2, patch_radius=1, border="mirror")(noisy, h / 255)
    # OpenCV rounds to whole grey levels, computes weights as integers and leaves out those below 0.001.
    np.testing.assert_allclose(out, expected, rtol=0, atol=0.5 + 0.2)
    assert np.abs(out - noisy).max() > 3


def test_patches_of_one_pixel_are_a_bilateral_without_space():
    # exp(-d^2 / h^2) is exp(-d^2 / (2 sigma_range^2)) for h = sqrt(2) sigma_range.
    out = NonLocalMeans(radius=2, patch_radius=0)(IMAGE, np.sqrt(2) * 0.2)
    np.testing.assert_allclose(out, Bilateral(radius=2)(IMAGE, np.inf, 0.2), rtol=0, atol=1e-6)


def test_noise_below_sigma_is_averaged():
    noise = np.random.default_rng(1).normal(0, 0.05, (40, 40)).astype(np.float32)
    spec = NonLocalMeans(radius=2, patch_radius=2)
    unaware, aware = spec(noise, 0.02), spec(noise, 0.02, sigma=0.05)
    assert aware.std() < 0.5 * unaware.std()
    assert aware.std() > 0.05 / 5  # 25 pixels can't do better


@pytest.mark.parametrize("offset", [(-2, -2), (-2, 1), (0, 0), (1, 2), (2, -1)])
def test_one_large_logit_shifts_the_image(offset):
    logits = np.full((5, 5), -1e4)
    logits[2 + offset[0], 2 + offset[1]] = 0
    expected = naive.pad(IMAGE, 2, "mirror")[2 + offset[0] :, 2 + offset[1] :][:13, :17]
    np.testing.assert_allclose(FreeKernel(radius=2, border="mirror")(IMAGE, logits), expected, rtol=0, atol=1e-6)
    kernel = np.zeros((5, 5))
    kernel[2 + offset[0], 2 + offset[1]] = 1e4  # tanh 1
    signed = FreeKernel(radius=2, border="mirror", normalization="tanh")
    np.testing.assert_array_equal(signed(IMAGE, kernel), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_signed_kernels_compute_a_sobel_derivative(axis):
    sobel = np.zeros((5, 5))
    sobel[1:4, 1:4] = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    logits = np.arctanh(sobel.T if axis == 0 else sobel)
    spec = FreeKernel(radius=2, normalization="tanh")
    expected = scipy.ndimage.sobel(IMAGE.astype(np.float64), axis) / 8
    np.testing.assert_allclose(spec(IMAGE, logits), expected, rtol=0, atol=1e-6)
    ramp = (0.25 * np.indices((9, 9))[axis]).astype(np.float32)
    np.testing.assert_allclose(spec(ramp, logits)[2:-2, 2:-2], 0.25, rtol=1e-6)


def test_signed_kernels_differ_from_pixel_to_pixel():
    logits = np.zeros((5, 5, 13, 17), np.float32)
    logits[2, 2] = np.linspace(-3, 3, 17)
    out = FreeKernel(radius=2, normalization="tanh")(IMAGE, logits)
    np.testing.assert_allclose(out, np.tanh(np.linspace(-3, 3, 17)) * IMAGE, rtol=0, atol=1e-6)
