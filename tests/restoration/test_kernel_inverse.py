"""Deconvolution by any kernel: exact where nothing is lost, noise as theory says, ahead of Richardson and Lucy."""

import numpy as np
import pytest
from scipy.ndimage import convolve, gaussian_filter
from skimage import data
from skimage.restoration import richardson_lucy

import pkn
from pkn.restoration import kernel_inverse
from pkn.restoration.blur_arguments import check_kernel, gaussian_kernel
from pkn.restoration.kernel_inverse import _estimate, _filtered, _noise_after
from pkn.restoration.reblur_design import Spectrum

SHARP = data.camera()[100:260, 120:320] / 255
MOTION = np.zeros((9, 13))
MOTION[np.rint(np.linspace(1, 7, 12)).astype(int), np.arange(12)] = np.linspace(1, 2, 12)
MOTION /= MOTION.sum()


def psnr(image, truth=SHARP, edge=12):
    inside = np.s_[edge:-edge, edge:-edge]
    return -10 * np.log10(np.mean((image - truth)[inside] ** 2))


def degrade(kernel, noise, sharp=SHARP):
    return convolve(sharp, kernel, mode="reflect") + noise * np.random.default_rng(0).standard_normal(sharp.shape)


@pytest.mark.parametrize("blur", [1.2, np.eye(2), "estimate", None, np.ones((1, 1)), np.ones((4, 3)), np.ones(3)])
def test_what_is_no_kernel(blur):
    assert check_kernel(blur) is None


def test_a_kernel_off_its_centre_is_a_shift_and_comes_back():
    kernel = np.zeros((5, 3))
    kernel[0, 2] = 7  # the sum doesn't matter
    restored = pkn.deconvolve(degrade(kernel / 7, 0), blur=kernel, sigma=0)
    assert psnr(restored) > 60


def test_what_is_not_lost_comes_back():
    kernel = gaussian_filter(np.pad([[1.0]], 4), 0.7)
    blurred = degrade(kernel, 0)
    assert psnr(blurred) < 31
    assert psnr(pkn.deconvolve(blurred, blur=kernel, sigma=0)) > 45


@pytest.mark.parametrize("noise", [1, 3, 8])
def test_motion_is_undone_under_noise(noise):
    blurred = degrade(MOTION, noise / 255)
    ours = psnr(pkn.deconvolve(blurred, blur=MOTION))
    steps = (5, 10, 20, 40, 80)
    theirs = max(psnr(richardson_lucy(blurred.clip(1e-3, 1), MOTION, n, clip=False)) for n in steps)
    assert ours > psnr(pkn.deconvolve(blurred, blur=MOTION, denoiser=None)) + 0.5
    assert ours > theirs + 1
    assert ours > psnr(blurred) + 2


def test_the_estimate_is_that_of_all_equations_solved_at_once(monkeypatch):
    """Of a small image with a gap, against the dense matrix of blur, mask and spectrum on the larger domain."""
    monkeypatch.setattr(kernel_inverse, "SMALL_ENOUGH", 1e-7)
    monkeypatch.setattr(kernel_inverse, "STEPS", 500)
    random, noise, spectrum = np.random.default_rng(0), 0.01, Spectrum(0.02, 2.0)
    kernel = random.random((3, 5))
    kernel /= kernel.sum()
    size, inside = (15, 20), np.s_[3:12, 5:15]  # 9 x 10 px, and the kernel's size around them
    plane, valid = random.random((9, 10)), random.random((9, 10)) > 0.1
    squares = np.fft.fftfreq(size[0])[:, None] ** 2 + np.fft.fftfreq(size[1]) ** 2
    squares[0, 0] = 0.1 / squares.size
    pixels = np.eye(squares.size).reshape(-1, *size)
    blur = np.stack([convolve(pixel, kernel, mode="wrap").ravel() for pixel in pixels], axis=1)
    prior = np.stack([np.fft.ifft2(np.fft.fft2(p) * noise / spectrum.at(squares)).real.ravel() for p in pixels], axis=1)
    seen = np.zeros(size, bool)
    seen[inside] = valid
    mean = plane[valid].mean()
    values = np.zeros(size)
    values[inside] = np.where(valid, plane - mean, 0)
    known = blur[seen.ravel()]
    wanted = np.linalg.solve(known.T @ known + prior, known.T @ values[seen]).reshape(size)[inside] + mean
    found = _estimate(plane, valid, kernel, spectrum, noise)
    np.testing.assert_allclose(found, wanted, atol=2e-4)


@pytest.mark.parametrize("noise", [1, 3])
def test_photographs_do_not_ring_at_their_borders(noise):
    """Not knowing what lies beyond them costs less than 1.5 dB beside a scene that is mirrored there."""
    size = 17
    kernel = np.zeros((size, size))
    kernel[np.arange(size), np.rint(8 + 5 * np.sin(np.arange(size) / 4)).astype(int)] = 1 + np.arange(size) % 3
    kernel /= kernel.sum()
    scene = data.camera()[60:300, 80:360] / 255
    blurred, inside = convolve(scene, kernel), np.s_[12:-12, 12:-12]
    noisy = blurred + noise / 255 * np.random.default_rng(0).standard_normal(scene.shape)
    sharp = scene[inside]
    mirrored = degrade(kernel, noise / 255, sharp)
    found, wanted = (pkn.deconvolve(image, blur=kernel) for image in (noisy[inside], mirrored))
    assert psnr(found, sharp, 24) > psnr(wanted, sharp, 24) - 1.5
    assert psnr(found, sharp, 24) > psnr(noisy[inside], sharp, 24) + 5


@pytest.mark.parametrize("rgb", [False, True])
def test_the_denoiser_is_told_the_noise_that_is_left(rgb):
    """At full resolution its variance is that of white noise times the mean square of the filter's gains."""
    spectrum, sigma = Spectrum(1e-3, 2.0), 0.02
    profile = _noise_after(MOTION, spectrum, sigma**2, sigma, rgb)
    impulse = np.zeros((256, 256))
    impulse[0, 0] = 1
    expected = sigma * np.sqrt(np.square(_filtered(impulse, MOTION, spectrum, sigma**2)).sum())
    assert profile.rgb == rgb
    assert profile.level == pytest.approx(expected, rel=0.03)
    assert profile.at(0.5, 2) > profile.at(0.5) / 4  # coarser levels have more than white noise would


@pytest.mark.parametrize("blur", [1.5, [[4.0, 1.0], [1.0, 1.5]], "estimate"])
def test_a_gaussian_blur_by_wiener_s_estimate(blur):
    """The kernel is the one that AnisotropicGaussian has; better than the reblur filter, and than doing nothing."""
    covariance = np.array([[2.25, 0], [0, 2.25]] if np.ndim(blur) == 0 else blur, float)
    blurred = degrade(gaussian_kernel(covariance), 2 / 255)
    found = pkn.deconvolve(blurred, blur=blur, method="wiener")
    assert psnr(found) > psnr(pkn.deconvolve(blurred, blur=blur))
    assert psnr(found) > psnr(blurred) + 1.5


def test_kernels_of_gaussians_have_their_covariance():
    covariance = np.array([[4.0, 1.0], [1.0, 1.5]])
    kernel = gaussian_kernel(covariance)
    places = np.indices(kernel.shape).reshape(2, -1) - kernel.shape[0] // 2
    assert kernel.sum() == pytest.approx(1)
    np.testing.assert_allclose((places * kernel.ravel()) @ places.T, covariance, rtol=0.01)


def test_colours_strength_and_gaps():
    blurred = np.stack([degrade(MOTION, 0.01, SHARP * part) for part in (1, 0.8, 0.6)])
    restored = pkn.deconvolve(blurred, blur=MOTION, channel_axis=0)
    last = pkn.deconvolve(np.moveaxis(blurred, 0, -1), blur=MOTION, channel_axis=-1)
    np.testing.assert_array_equal(np.moveaxis(last, -1, 0), restored)
    assert psnr(restored[1], SHARP * 0.8) > psnr(blurred[1], SHARP * 0.8) + 2
    np.testing.assert_allclose(pkn.deconvolve(blurred, blur=MOTION, channel_axis=0, strength=0), blurred)
    mask = np.ones(SHARP.shape, bool)
    mask[40:44, 50:54] = False
    holes = np.where(mask, blurred[0], np.nan)
    np.testing.assert_array_equal(
        pkn.deconvolve(holes, blur=MOTION)[mask],
        pkn.deconvolve(np.where(mask, blurred[0], 99.0), blur=MOTION, mask=mask)[mask],
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blur": np.zeros((3, 3))}, "blur is a kernel with the sum 0; expected finite values with a sum above 0"),
        ({"blur": np.full((3, 3), np.nan)}, "sum nan"),
        ({"blur": MOTION, "alpha": 2}, "alpha, beta or halo_suppression is given with a kernel"),
        ({"blur": 1.5, "method": "wiener", "halo_suppression": True}, "alpha, beta or halo_suppression is given"),
        ({"blur": MOTION, "method": "reblur"}, 'method is "reblur", but blur is a kernel'),
        ({"method": "wiener"}, 'method is "wiener", but blur is None'),
        ({"blur": 1.5, "method": "lucy"}, 'method is \'lucy\'; expected "reblur" or "wiener"'),
    ],
)
def test_bad_kernels(options, message):
    with pytest.raises(ValueError, match=message):
        pkn.deconvolve(SHARP, **options)
