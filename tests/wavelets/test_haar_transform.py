"""Haar's transform: PyWavelets' to rounding, its own inverse, orthonormal, differentiable."""

import numpy as np
import pytest
import pywt
import torch

from pkn.wavelets.haar_transform import haar, haar_levels, inverse_haar

SIZES = [(8, 8), (6, 10), (7, 9), (5, 6), (1, 1), (1, 4)]
PRECISIONS = [(torch.float32, 1e-6), (torch.float64, 1e-12)]


def image(size, dtype=torch.float64, channels=2):
    return torch.randn(3, channels, *size, dtype=dtype, generator=torch.Generator().manual_seed(0))


def close(found, expected, relative):
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=relative * np.abs(expected).max())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "relative"), PRECISIONS)
def test_it_is_pywavelets(size, dtype, relative):
    x = image(size, dtype)
    low, details = haar(x)
    expected, bands = pywt.dwt2(x.numpy(), "db1", mode="symmetric")
    close(low, expected, relative)
    close(details, np.concatenate(bands, 1), relative)
    back = pywt.idwt2((low.numpy(), np.split(details.numpy(), 3, 1)), "db1", mode="symmetric")
    close(inverse_haar(low, details), back, relative)


@pytest.mark.parametrize("scaling", ["orthonormal", "published"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "relative"), PRECISIONS)
def test_the_inverse_is_exact(scaling, size, dtype, relative):
    x = image(size, dtype)
    close(inverse_haar(*haar(x, scaling), scaling, size), x, relative)


@pytest.mark.parametrize("size", [(16, 16), (13, 21)])
def test_levels_are_wavedec2s(size):
    x = image(size)
    low, details = haar_levels(x, 3)
    expected, *levels = pywt.wavedec2(x.numpy(), "db1", mode="symmetric", level=3)
    close(low, expected, 1e-12)
    for found, bands in zip(details, reversed(levels), strict=True):
        close(found, np.concatenate(bands, 1), 1e-12)


def test_energy_stays():
    x = image((8, 12))
    low, details = haar(x)
    torch.testing.assert_close(low.square().sum() + details.square().sum(), x.square().sum(), rtol=1e-12, atol=0)


def test_published_low_pass_is_the_local_mean_and_noise_halves():
    x = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    low, details = haar(x, "published")
    torch.testing.assert_close(low, torch.nn.functional.avg_pool2d(x, 2))
    assert float(low.std()) == pytest.approx(0.5, rel=0.02)
    assert float(details.std()) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("size", [(4, 6), (3, 5)])
def test_gradients(size):
    x = image(size, channels=1).requires_grad_()
    assert torch.autograd.gradcheck(haar, x)
    low, details = (part.detach().requires_grad_() for part in haar(x))
    assert torch.autograd.gradcheck(lambda a, b: inverse_haar(a, b, "published", size), (low, details))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: haar(x[0]), r"image is float64 of shape \(2, 4, 4\); expected floats of shape \(N, C, H, W\)"),
        (lambda x: haar(x.int()), "image is int32"),
        (lambda x: haar(x, "none"), "scaling is 'none'; expected one of orthonormal, published"),
        (lambda x: inverse_haar(x, x), r"details is of shape \(3, 2, 4, 4\); expected \(3, 6, 4, 4\)"),
        (lambda x: inverse_haar(*haar(x), size=(4, 2)), r"size is \(4, 2\); expected \(4, 4\), or 1 less"),
        (lambda x: inverse_haar(*haar(x), "none"), "scaling is 'none'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(image((4, 4)))
