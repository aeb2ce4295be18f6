"""Units don't matter: any scale and offset, any dtype that instruments write, with the noise estimated."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

import pkn
from pkn.filters import AnisotropicUpsampling
from pkn.pretrained import bundled_names, find_net

NETS = [name for name in bundled_names() if not isinstance(find_net(name, 1).filter, AnisotropicUpsampling)]
CLEAN = data.camera()[100:196, 180:300] / 255
NOISY = CLEAN + np.random.default_rng(0).normal(0, 25 / 255, CLEAN.shape)
PHOTO = data.astronaut()[:80, 180:270] / 255 + np.random.default_rng(1).normal(0, 20 / 255, (80, 90, 3))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(
    ("scale", "offset"), [(1e-12, 0.0), (1e12, 0.0), (1e-6, 0.0), (0.01, -3.0), (300.0, 100.0), (1e6, -2e7)]
)
def test_every_network_is_equivariant(net, scale, offset):
    first, second = (pkn.predict_maps(image, net).apply(image) for image in (NOISY, scale * NOISY + offset))
    np.testing.assert_allclose(second, scale * first + offset, rtol=0, atol=scale * 3e-6)


def test_a_network_that_sharpens_is_named():
    with pytest.warns(UserWarning, match="net is 'reblur', which sharpens images"):
        pkn.denoise(NOISY, "reblur")


@settings(max_examples=25, deadline=None)
@given(st.floats(-6, 6), st.floats(-50, 50))
def test_any_scale_and_offset(power, offset):
    scale = 10**power
    wanted = pkn.denoise(PHOTO, channel_axis=-1)
    found = pkn.denoise(scale * (PHOTO + offset), channel_axis=-1)
    np.testing.assert_allclose(found / scale - offset, wanted, rtol=0, atol=5e-6)


@pytest.mark.parametrize(("image", "axis"), [(NOISY, None), (PHOTO, -1)])
def test_range_maps_scale_and_others_stay(image, axis):
    maps, scaled = (pkn.predict_maps(each, channel_axis=axis) for each in (image, 50 * image + 7))
    for name in maps:
        factor = 50 if maps.ranges[name].unit == "image value" or "sigma_range" in name else 1
        if "guide" not in name:  # guides are moved by the offset too
            atol = 5e-6 if "rho" in name else 1e-6  # correlations pass through 0, where the network's rounding stays
            np.testing.assert_allclose(scaled[name], factor * maps[name], rtol=2e-4, atol=atol, err_msg=name)


def test_counts_with_an_offset_are_denoised_as_fractions_are():
    counts = np.rint(100 + 300 * NOISY).clip(0).astype(np.uint16)
    wanted = pkn.denoise(NOISY.clip(-1 / 3))
    found = (pkn.denoise(counts) * 65535 - 100) / 300
    assert np.sqrt(np.mean((found - CLEAN) ** 2)) < 1.01 * np.sqrt(np.mean((wanted - CLEAN) ** 2))


@pytest.mark.parametrize("dtype", [">u2", ">i2", ">i4", ">f4", ">f8", "i2", "i4", "u4", "i1"])
def test_dtypes_of_instruments(dtype):
    span = 100 if np.dtype(dtype).itemsize == 1 else 1000
    counts = np.rint(span * NOISY.clip(0, 1)).astype(dtype)
    out = pkn.denoise(counts, dtype="same")
    assert out.dtype == counts.dtype
    integers = counts.astype(np.float64)
    unit = 65535 if np.dtype(dtype).newbyteorder("=") == np.uint16 else 1
    expected = unit * pkn.denoise(integers / unit)
    expected = np.rint(expected) if np.dtype(dtype).kind in "iu" else expected
    assert np.abs(out.astype(np.float64) - expected).max() <= (1 if np.dtype(dtype).kind in "iu" else span * 1e-5)


def test_colour_in_double_precision_is_the_same_picture():
    """Tinted and with an offset: only what all channels share may be taken off before the network."""
    tinted = 50 + PHOTO * (3.0, 2.0, 1.0)
    single = pkn.denoise(tinted.astype(np.float32), channel_axis=-1)
    np.testing.assert_allclose(pkn.denoise(tinted, channel_axis=-1), single, rtol=0, atol=1e-4)


def test_bool_is_0_and_1():
    page = CLEAN > 0.5
    assert pkn.denoise(page).dtype == np.float32
    same = pkn.denoise(page, dtype="same")
    assert same.dtype == bool
    assert np.mean(same != page) < 0.1


@pytest.mark.parametrize("dtype", [np.int32, np.uint32])
def test_wide_integers_saturate_and_keep_their_values(dtype):
    limits = np.iinfo(dtype)
    image = np.full((20, 30), limits.max, dtype)
    image[:, :15] = limits.min
    np.testing.assert_array_equal(pkn.denoise(image, strength=0, dtype="same"), image)


def test_other_dtypes_are_refused():
    for dtype in (np.int64, np.uint64, np.complex64):
        with pytest.raises(TypeError, match=f"image has dtype {np.dtype(dtype)}; expected uint8, uint16, bool"):
            pkn.denoise(np.zeros((9, 9), dtype))


def test_black_and_white_are_the_ends_of_a_picture():
    counts = 100 + 300 * NOISY
    picture = pkn.denoise(counts, dtype=np.uint8, black=100, white=400)
    np.testing.assert_array_equal(picture, np.rint(255 * ((pkn.denoise(counts) - 100) / 300).clip(0, 1)))
    for black, white, dtype, message in ((1, 1, np.uint8, "expected white above"), (0, 2, None, "expected uint8 or")):
        with pytest.raises(ValueError, match=message):
            pkn.denoise(counts, dtype=dtype, black=black, white=white)


def test_a_noise_level_beyond_the_image_is_doubted():
    with pytest.warns(UserWarning, match=r"sigma is 25, but the image's values span [01]\.\d+; expected"):
        pkn.denoise(NOISY, sigma=25)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pkn.denoise(255 * NOISY, sigma=25)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 3), (5, 5), (18, 19), (40, 40)])
@pytest.mark.parametrize("kind", ["flat", "noise", "binary", "posterised", "stars", "clipped"])
def test_ordinary_images_of_any_size_are_fine(size, kind):
    random = np.random.default_rng(0)
    image = {
        "flat": np.full(size, 0.3),
        "noise": random.normal(0, 1, size),
        "binary": (random.random(size) > 0.5).astype(float),
        "posterised": np.rint(3 * random.random(size)) / 3,
        "stars": (random.random(size) > 0.99) * 1e4 + random.normal(100, 5, size),
        "clipped": random.normal(0.9, 0.3, size).clip(0, 1),
    }[kind]
    for out in (pkn.denoise(image), pkn.denoise(np.stack([image] * 3, -1), channel_axis=-1)):
        assert np.isfinite(out).all()
    assert pkn.estimate_noise(image).uncertainty > 0


def test_tiles_of_few_colours_are_fine():
    """Most blocks have no noise at all."""
    rows, columns = np.mgrid[:88, :70]
    tiles = (rows // 11 + columns // 6) % 2 == 0
    image = np.stack([tiles ^ (rows > 44), tiles, tiles], -1)
    assert pkn.estimate_noise(image, channel_axis=-1).uncertainty > 0
    assert np.isfinite(pkn.denoise(image, "bilateral", channel_axis=-1)).all()


@pytest.mark.parametrize("scale", [2e-12, 1e12])
@pytest.mark.parametrize("verb", [pkn.upsample, pkn.deconvolve, partial(pkn.deconvolve, blur=1.0)])
def test_other_verbs_hold_over_the_range_that_is_promised(verb, scale):
    image = np.random.default_rng(0).random((40, 50))
    np.testing.assert_allclose(verb(image * scale) / scale, verb(image), rtol=1e-4, atol=1e-5)


def test_values_beyond_the_range_are_named():
    """And what is masked may have any."""
    image = np.random.default_rng(0).random((40, 50))
    for verb in (pkn.denoise, pkn.estimate_noise, pkn.upsample, pkn.deconvolve):
        with pytest.raises(ValueError, match="image has values up to 1e\\+20; expected at most 1e\\+14"):
            verb(image / image.max() * 1e20)
        with pytest.warns(UserWarning, match="expected 1e-12 or more"):
            verb(image * 1e-20)
    mask = np.ones(image.shape, bool)
    mask[:10] = False
    assert np.isfinite(pkn.denoise(np.where(mask, image, 1e30), mask=mask)[mask]).all()
    assert pkn.denoise(image * 0).max() == 0
