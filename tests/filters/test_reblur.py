"""What is special to polynomial reblurring; the rest is in the contract that every filter meets."""

import numpy as np
import pytest

from pkn.filters import FreeKernel, IsotropicGaussian, IsotropicReblur, NonLocalMeans, Reblur, absolute_weights
from pkn.filters.engine.borders import MODES
from pkn.filters.reblur import polynomial

IMAGE = np.random.default_rng(0).random((23, 31))
IMAGE.flags.writeable = False
SHARPEN = {"gain": 3.0, "slope": -1.0, "curvature": 2.0}


def test_the_polynomial_is_what_its_maps_say():
    gain, slope, curvature = np.random.default_rng(1).uniform(-9, 9, (3, 50))
    p = [np.polynomial.Polynomial(a) for a in np.transpose(polynomial(gain, slope, curvature))]
    np.testing.assert_allclose([each(0) for each in p], gain)
    np.testing.assert_allclose([each(1) for each in p], 1, atol=1e-12)
    np.testing.assert_allclose([each.deriv()(1) for each in p], slope, atol=1e-12)
    np.testing.assert_allclose([each.deriv(2)(1) for each in p], curvature, atol=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 3.0), (6.0, 1.0)])
def test_slope_minus_one_is_polyblur(alpha, beta):
    a = polynomial(beta, -1.0, alpha)
    assert a == (beta, 5 - 3 * beta + alpha / 2, 3 * beta - alpha - 6, alpha / 2 - beta + 2)


@pytest.mark.parametrize("frequency", [(0, 3), (5, 0), (4, 7), (16, 16)])
def test_a_wave_is_multiplied_by_the_polynomial_of_its_transfer(frequency):
    size, radius, sigma = 32, 4, 1.3
    rows, columns = np.mgrid[:size, :size]
    wave = np.cos(2 * np.pi * (frequency[0] * rows + frequency[1] * columns) / size)
    d = np.arange(-radius, radius + 1)
    line = np.exp(-(d**2) / (2 * sigma**2))
    k = np.prod([(line * np.cos(2 * np.pi * f * d / size)).sum() / line.sum() for f in frequency])
    out = IsotropicReblur(radius, "wrap")(wave, sigma, 2.5, -1.2, 7.0)
    p = np.polynomial.Polynomial(polynomial(2.5, -1.2, 7.0))
    np.testing.assert_allclose(out, p(k) * wave, rtol=0, atol=1e-12)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_smoothing_alone(times):
    """p(t) = t^n has p(0) = 0, p'(1) = n and p''(1) = n (n - 1)."""
    expected = IMAGE
    for _ in range(times):
        expected = IsotropicGaussian(4)(expected, 1.1)
    out = IsotropicReblur(4)(IMAGE, 1.1, 0.0, float(times), float(times * (times - 1)))
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


def test_both_kinds_agree_where_the_blur_is_round():
    out = Reblur(4)(IMAGE, 1 / 1.5, 1 / 1.5, 0.0, **SHARPEN)
    np.testing.assert_allclose(out, IsotropicReblur(4)(IMAGE, 1.5, **SHARPEN), rtol=0, atol=1e-12)


@pytest.mark.parametrize("border", [mode for mode in MODES if mode != "constant"])
@pytest.mark.parametrize("value", [0.0, 1 / 3, -0.1, 1e4])
def test_constants_stay_to_the_last_bit(border, value):
    image = np.full((11, 40), value, np.float32)
    maps = [
        np.random.default_rng(2).uniform(low, high, image.shape) for low, high in [(0.3, 4), (0, 6), (-3, 3), (-10, 40)]
    ]
    np.testing.assert_array_equal(IsotropicReblur(4, border)(image, *maps), image)
    image[4:6, 7:9] = np.nan
    np.testing.assert_allclose(IsotropicReblur(4, border)(image, *maps), np.float32(value), rtol=1e-5)


def test_strength_mixes():
    flt = Reblur(1)
    maps = {
        name: np.random.default_rng(3).uniform(max(r.low, -5), min(r.high, 9), IMAGE.shape)
        for name, r in flt.ranges.items()
    }
    full = flt(IMAGE, **maps)
    for strength in (0.25, 1.5):
        out = flt(IMAGE, **flt.strengthen(maps, strength))
        np.testing.assert_allclose(out, IMAGE + strength * (full - IMAGE), rtol=0, atol=1e-10)


def test_reach_and_halo():
    flt = Reblur(2)
    assert (flt.reach, flt.halo) == (6, 6)
    assert (NonLocalMeans(3, patch_radius=2).reach, NonLocalMeans(3, patch_radius=2).halo) == (3, 5)
    kernel = flt.kernel_at(IMAGE.astype(np.float32), (0.3, 0.2, 0.1, 2.0, -1.0, 2.0), (11, 15))
    assert kernel.shape == (13, 13)
    assert np.abs(kernel[0, 0]) > 0  # a_3 isn't 0: a corner is three steps away
    assert kernel.sum() == pytest.approx(1, abs=1e-5)


# Radius 2 and float32, as in the contract: those kernels are compiled already.
CASES = {
    "reblur": (Reblur(2), (0.9, 1.4, 0.3, 3.0, -1.0, 5.0)),
    "isotropic": (IsotropicReblur(2), (np.random.default_rng(4).uniform(0.5, 2, (8, 15)), 2.0, -1.0, 9.0)),
    "tanh": (FreeKernel(2, normalization="tanh"), (np.random.default_rng(5).normal(0, 1, (5, 5, 8, 15)),)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("border", MODES)
@pytest.mark.parametrize("masked", [False, True])
def test_absolute_weights_are_those_of_the_kernels(name, border, masked):
    flt, maps = CASES[name]
    flt = type(flt)(**{**flt.__dict__, "border": border})
    image, mask = np.random.default_rng(6).random((8, 15), np.float32), None
    if masked:
        mask = np.random.default_rng(7).random(image.shape) > 0.2
        image[:5, :5] = np.nan
    sums = absolute_weights(flt, image, *maps, mask=mask, passes=None)
    kernels = [
        flt.kernel_at(
            np.where(np.isfinite(image), image, 0), maps, at, mask=np.isfinite(image) & (mask is None or mask)
        )
        for at in np.ndindex(*image.shape)
    ]
    expected = np.abs(kernels).sum((1, 2)).reshape(image.shape)
    # At edges the weights of a pixel and of its mirror images are added up first; the free kernel's differ in sign.
    inside = np.s_[2:-2, 2:-2] if name == "tanh" else np.s_[:]
    np.testing.assert_allclose(sums[inside], expected[inside], rtol=1e-4)
    some = absolute_weights(flt, image, *maps, mask=mask, passes=3)
    computed = np.isfinite(some)
    assert 0 < computed.sum() <= 3 * 8 * 15 / (flt.reach + 1) ** 2
    np.testing.assert_array_equal(some[computed], sums[computed])


def test_weights_for_maps_and_numbers_together():
    flt, image = Reblur(2), IMAGE.astype(np.float32)
    maps = [0.9, 1.4, 0.3, 3.0, -1.0, 5.0]
    full = [np.full(image.shape, value, np.float32) for value in maps]
    mixed = [full[0], *maps[1:]]
    for of in (
        lambda maps: absolute_weights(flt, image, *maps, passes=2),
        lambda maps: flt.kernel_at(image[:7, :7], [m[:7, :7] if np.ndim(m) else m for m in maps], (3, 3)),
    ):
        np.testing.assert_array_equal(of(mixed), of(full))


def test_absolute_weights_within_their_bounds():
    flt, image, maps = IsotropicReblur(2), IMAGE.astype(np.float32), (1.2, 3.0, -1.0, 2.0)
    sums = absolute_weights(flt, image, *maps, passes=None)
    assert np.isfinite(sums).all()
    assert sums.min() > 1
    assert sums.max() <= np.abs(polynomial(*maps[1:])).sum()
    np.testing.assert_array_equal(absolute_weights(IsotropicGaussian(2), image, 1.2), 1)
    identity = absolute_weights(flt, image, 1.2, 1.0, 0.0, 0.0, passes=None)
    np.testing.assert_allclose(identity, 1, rtol=1e-6)


@pytest.mark.parametrize("passes", [0, 1.5, "all"])
def test_bad_passes_are_named(passes):
    with pytest.raises(ValueError, match=rf"passes is {passes!r}; expected a whole number, 1 or more"):
        absolute_weights(IsotropicReblur(1), IMAGE, 1.0, 1.0, 0.0, 0.0, passes=passes)


def test_coefficients_out_of_range_are_named():
    with pytest.raises(ValueError, match="gain is 2000"):
        IsotropicReblur(1)(IMAGE, 1.0, 2000.0, 0.0, 0.0)
