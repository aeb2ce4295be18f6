"""Designed reblurs have the predicted error, and spectra are estimated from images."""

import numpy as np
import pytest

from pkn.filters import Reblur
from pkn.restoration.reblur_design import GRID, Spectrum, fit_spectrum, transfer, wiener_design


def random_field(random, spectrum):
    """An image (GRID, GRID) that wraps, with the spectrum contrast / f^falloff."""
    f = np.fft.fftfreq(GRID)
    frequency = np.hypot(f[:, None], f)
    frequency[0, 0] = np.inf
    amplitude = np.sqrt(spectrum.contrast / frequency**spectrum.falloff)
    return np.fft.ifft2(np.fft.fft2(random.standard_normal((GRID, GRID))) * amplitude).real


@pytest.mark.parametrize(("blur", "noise", "falloff"), [(0.8, 0.005, 2.6), (1.5, 0.02, 2.0), (2.0, 0.1, 2.0)])
def test_the_design_keeps_its_promise(blur, noise, falloff):
    """On images with the assumed statistics the error is the one predicted, and no other design near it is better."""
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
    unsure = wiener_design(np.eye(2), 0.01, SPECTRUM, 3, [f**2 * np.eye(2) for f in (0.5, 1.0, 1.5)])
    assert unsure.error > sure.error
    nothing = wiener_design(np.eye(2) * 0.01, 0.0, SPECTRUM, 1)
    assert nothing.error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("falloff", [1.7, 2.0, 2.6])
def test_the_spectrum_is_estimated_under_blur_and_noise(falloff):
    random, covariance = np.random.default_rng(3), np.array([[2.0, 0.5], [0.5, 1.0]])
    h, spectra = transfer(covariance, 12), []
    for _ in range(10):
        blurred = np.fft.ifft2(np.fft.fft2(random_field(random, Spectrum(2e-3, falloff))) * h).real
        noisy = blurred + 0.02 * random.standard_normal(blurred.shape)
        spectra.append(fit_spectrum(noisy[None], covariance, 0.02))
    contrast, fitted_falloff = np.mean(spectra, 0)
    assert fitted_falloff == pytest.approx(falloff, abs=0.06)
    assert contrast == pytest.approx(2e-3, rel=0.15)
    assert fit_spectrum(np.full((1, 9, 9), 0.5), covariance, 0.02).contrast == 0
