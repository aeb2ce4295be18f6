"""Checks of arguments: every bad input raises one error that names the argument, what came and what is expected."""

import re

import numpy as np
import pytest

from pkn.filters import Bilateral, FreeKernel, IsotropicGaussian, NonLocalMeans

SPEC = Bilateral(radius=2)
GREY = np.random.default_rng(0).random((6, 7)).astype(np.float32)
COLOUR = np.random.default_rng(1).random((6, 7, 3)).astype(np.float32)
GREY.flags.writeable = COLOUR.flags.writeable = False


def replaced(array, index, value):
    array = array.copy()
    array[index] = value
    return array


# test id -> a bad image, option or map, the type of the error, and its message
BAD_IMAGES = {
    "one-dimensional": (np.zeros(5, np.float32), ValueError, r"image has shape \(5,\).*expected \(H, W\)"),
    "colour without axis": (COLOUR, ValueError, r"image has shape \(6, 7, 3\).*expected.*channel_axis=-1"),
    "four-dimensional": (np.zeros((1, 2, 3, 4)), ValueError, r"image has shape \(1, 2, 3, 4\).*expected"),
    "no pixel": (np.zeros((0, 5), np.float32), ValueError, r"image has shape \(0, 5\).*expected at least one pixel"),
    "int64": (np.zeros((5, 5), np.int64), TypeError, "image has dtype int64.*expected uint8.*float64"),
    "list of int64": ([[1, 2], [3, 4]], TypeError, "image has dtype int64.*expected"),
    "complex": (np.zeros((5, 5), complex), TypeError, "image has dtype complex128.*expected"),
    "object": (np.zeros((5, 5), object), TypeError, "image has dtype object.*expected"),
    "text": ("image.png", TypeError, "image has dtype .*expected"),
    "NaN everywhere": (np.full((5, 5), np.nan), ValueError, "image has no finite value.*expected at least one"),
    "infinite everywhere": (np.full((5, 5), np.inf), ValueError, "image has no finite value.*expected at least one"),
}

BAD_OPTIONS = {
    "axis of a grey image": (GREY, {"channel_axis": 0}, ValueError, r"image has shape \(6, 7\).*channel_axis=0"),
    "axis beyond": (COLOUR, {"channel_axis": 3}, ValueError, "channel_axis is 3.*expected an axis"),
    "axis before": (COLOUR, {"channel_axis": -4}, ValueError, "channel_axis is -4.*expected an axis"),
    "axis by name": (COLOUR, {"channel_axis": "last"}, ValueError, "channel_axis is 'last'.*expected an axis"),
    "mask of numbers": (GREY, {"mask": np.ones((6, 7))}, TypeError, "mask has dtype float64.*expected bool"),
    "mask of bytes": (GREY, {"mask": np.ones((6, 7), np.uint8)}, TypeError, "mask has dtype uint8.*expected bool"),
    "mask too small": (GREY, {"mask": np.ones((6, 6), bool)}, ValueError, r"mask has shape \(6, 6\).*\(6, 7\)"),
    "mask with channels": (GREY, {"mask": np.ones((1, 6, 7), bool)}, ValueError, r"mask has shape.*\(6, 7\)"),
    "mask of nothing": (GREY, {"mask": np.zeros((6, 7), bool)}, ValueError, "mask is False everywhere.*expected"),
    "dtype nonsense": (GREY, {"dtype": "nonsense"}, ValueError, "dtype is 'nonsense'.*expected.*\"same\""),
    "dtype int64": (GREY, {"dtype": np.int64}, ValueError, "dtype is .*int64.*expected"),
    "dtype number": (GREY, {"dtype": 8}, ValueError, "dtype is 8.*expected"),
}

BAD_MAPS = {
    "wrong size": ({"sigma_space": np.ones((7, 6))}, ValueError, r"sigma_space has shape \(7, 6\).*\(6, 7\)"),
    "one row": ({"sigma_space": np.ones(7)}, ValueError, r"sigma_space has shape \(7,\).*expected a number or"),
    "NaN": ({"sigma_range": np.nan}, ValueError, "sigma_range is NaN.*expected 0 to inf.*image value"),
    "some NaN": ({"sigma_range": replaced(GREY, (2, 3), np.nan)}, ValueError, "sigma_range is NaN.*expected 0 to inf"),
    "negative": ({"sigma_space": -1}, ValueError, "sigma_space is -1 to -1.*expected 0 to inf.*px"),
    "some negative": ({"sigma_space": replaced(GREY, (2, 3), -2)}, ValueError, "sigma_space is -2 to .*expected 0 to"),
    "text": ({"sigma_space": "wide"}, TypeError, "sigma_space has dtype .*expected a number"),
    "bool": ({"sigma_space": True}, TypeError, "sigma_space has dtype bool.*expected a number"),
    "complex": ({"sigma_space": 1j}, TypeError, "sigma_space has dtype complex128.*expected a number"),
    "none": ({"sigma_space": None}, TypeError, "sigma_space has dtype object.*expected a number"),
}


def raises(error, message):
    """A context in which just this type is raised, with this message on one line."""
    return pytest.raises(error, match=re.compile(message))


@pytest.mark.parametrize(("image", "error", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images(image, error, message):
    with raises(error, message):
        SPEC(image, sigma_space=1, sigma_range=0.1)
    with raises(error, message):
        SPEC.kernel_at(image, (1, 0.1), (0, 0))


@pytest.mark.parametrize(("image", "options", "error", "message"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options(image, options, error, message):
    with raises(error, message):
        SPEC(image, 1, 0.1, **options)


@pytest.mark.parametrize(("bad", "error", "message"), BAD_MAPS.values(), ids=BAD_MAPS)
def test_bad_maps(bad, error, message):
    maps = {"sigma_space": 1, "sigma_range": 0.1, **bad}
    with raises(error, message):
        SPEC(GREY, **maps)
    with raises(error, message):
        SPEC.kernel_at(GREY, maps, (0, 0))


def test_maps_are_given_once_each():
    names = r".*expected.*\['sigma_space', 'sigma_range'\]"
    with raises(TypeError, "maps given to Bilateral are 1 by position and .*" + names):
        SPEC(GREY, 1)
    with raises(TypeError, "maps given to Bilateral are 0 by position.*" + names):
        SPEC(GREY)
    with raises(TypeError, "maps given to Bilateral are 3 by position.*" + names):
        SPEC(GREY, 1, 0.1, 0.1)
    with raises(TypeError, r"maps given to Bilateral are 1 by position and \['sigma_space'\] by name" + names):
        SPEC(GREY, 1, sigma_space=1)
    with raises(TypeError, r"maps given to Bilateral are 2 by position and \['sigma'\] by name" + names):
        SPEC(GREY, 1, 0.1, sigma=1)
    with raises(TypeError, r"maps given to Bilateral are 0 by position and \['sigma_space', 'sigma'\] by name" + names):
        SPEC.kernel_at(GREY, {"sigma_space": 1, "sigma": 1}, (0, 0))


def test_ranges_of_single_filters():
    from pkn.filters import AnisotropicGaussian

    with raises(ValueError, "rho is 1 to 1.*expected -0.999999 to 0.999999"):
        AnisotropicGaussian(radius=2)(GREY, kx=1, ky=1, rho=1)
    with raises(ValueError, "logits is .*expected -10000 to 10000"):
        FreeKernel(radius=2)(GREY, np.full((5, 5), 1e5))
    for shape in [(), (5,), (3, 3), (6, 7), (25, 6, 7), (5, 5, 7, 6)]:
        with raises(ValueError, rf"logits has shape {re.escape(str(shape))}.*\(5, 5\) or.*\(5, 5, 6, 7\)"):
            FreeKernel(radius=2)(GREY, np.zeros(shape))


@pytest.mark.parametrize("position", [(6, 0), (0, 7), (-7, 0), (0, -8), (0,), (0, 0, 0)])
def test_positions_outside(position):
    with raises(ValueError, r"position is \(.*expected \(row, column\) inside an image of 6 x 7"):
        SPEC.kernel_at(GREY, (1, 0.1), position)


@pytest.mark.parametrize("radius", [0, -1, 2.0, "2", None, True])
def test_bad_radius(radius):
    for cls in (Bilateral, FreeKernel, NonLocalMeans):
        with raises(ValueError, f"radius is {radius!r}; expected a whole number, 1 or more"):
            cls(radius=radius)


def test_whole_numbers_become_ints():
    flt = NonLocalMeans(radius=np.int64(2), patch_radius=np.uint8(1))
    assert (type(flt.radius), type(flt.patch_radius)) == (int, int)
    assert flt == NonLocalMeans(2, patch_radius=1)


def test_bad_settings():
    with raises(ValueError, "border is 'symmetric'; expected one of reflect, mirror, nearest, wrap, constant"):
        Bilateral(border="symmetric")
    with raises(ValueError, 'normalization is \'none\'; expected "softmax" or "tanh"'):
        FreeKernel(normalization="none")
    for radius in (-1, 1.5):
        with raises(ValueError, f"patch_radius is {radius}; expected a whole number, 0 or more"):
            NonLocalMeans(patch_radius=radius)


def test_a_read_only_map_beside_a_number():
    sigma = GREY.copy()
    sigma.flags.writeable = False
    np.testing.assert_array_equal(SPEC(GREY, sigma, 0.1), SPEC(GREY, GREY.copy(), 0.1))


def test_inputs_are_left_alone():
    image, mask = replaced(GREY, (2, 2), np.nan), GREY > 0.1
    sigma = np.abs(GREY)
    before = image.copy(), mask.copy(), sigma.copy()
    SPEC(image, sigma, 0.1, mask=mask, dtype=np.uint8)
    for after, was in zip((image, mask, sigma), before, strict=True):
        np.testing.assert_array_equal(after, was)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_fractions_of_their_full_range(dtype):
    full = np.iinfo(dtype).max
    image = np.random.default_rng(2).integers(0, full, (6, 7), dtype, endpoint=True)
    out = SPEC(image, 1.5, 0.2)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, SPEC((image / full).astype(np.float32), 1.5, 0.2), rtol=0, atol=1e-6)
    white = np.full((3, 3), full, dtype)
    np.testing.assert_array_equal(SPEC(white, 1.5, 0.2), 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_integer_survives_the_way_there_and_back(dtype):
    values = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(256, -1)
    identity = IsotropicGaussian(radius=2)
    np.testing.assert_array_equal(identity(values, 0, dtype="same"), values)
    other = identity(values, 0, dtype=np.float64)
    np.testing.assert_array_equal(identity(other, 0, dtype=dtype), values)


def test_same_dtype_rounds_and_clips():
    gain = FreeKernel(radius=2, normalization="tanh")
    logits = np.zeros((5, 5))
    logits[2, 1:4] = np.arctanh(0.7)  # 2.1 times a constant
    image = np.array([[0, 1, 10, 100, 121, 122, 255]] * 7, np.uint8).T.copy()
    expected = np.rint(np.minimum(2.1 * image.astype(float), 255)).astype(np.uint8)
    np.testing.assert_array_equal(gain(image, logits, dtype="same"), expected)
    logits[2, 1:4] *= -1
    np.testing.assert_array_equal(gain(image, logits, dtype="same"), 0)
    half = np.array([[0.5, 2.0, -1.0]] * 3, np.float16).T.copy()
    np.testing.assert_allclose(gain(half, logits, dtype="same"), -2.1 * half, rtol=1e-3)  # floats aren't clipped
    assert gain(half, logits, dtype="same").dtype == np.float16


def test_dtypes_of_the_output():
    cases = {np.uint8: np.float32, np.uint16: np.float32, np.float16: np.float32, np.float32: np.float32}
    for dtype, expected in cases.items():
        image = (GREY * 50).astype(dtype)
        assert SPEC(image, 1, 0.1).dtype == expected
        assert SPEC(image, 1, 0.1, dtype="same").dtype == dtype
        for wanted in cases:
            assert SPEC(image, 1, 0.1, dtype=wanted).dtype == wanted
    assert SPEC(COLOUR[..., :2].astype(np.float64), 1, 0.1, channel_axis=2).dtype == np.float64


def test_float16_is_computed_in_float32():
    half = GREY.astype(np.float16)
    np.testing.assert_array_equal(SPEC(half, 1.5, 0.2), SPEC(half.astype(np.float32), 1.5, 0.2))


def test_missing_output_is_black_in_integers():
    image = replaced(GREY, np.s_[:, :], np.nan)
    image[0, 0] = 1
    out = SPEC(image, 1, 0.1, dtype=np.uint8)
    assert out[0, 0] == 255
    assert out[5, 6] == 0


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_channel_axis(axis):
    image = np.random.default_rng(3).random((6, 7, 2))
    expected = SPEC(image, 1.5, 0.2, channel_axis=-1)
    out = SPEC(np.moveaxis(image, -1, axis), 1.5, 0.2, channel_axis=axis)
    np.testing.assert_array_equal(np.moveaxis(out, axis, -1), expected)


def test_one_channel_is_a_grey_image():
    np.testing.assert_array_equal(SPEC(GREY[None], 1.5, 0.2, channel_axis=0)[0], SPEC(GREY, 1.5, 0.2))


def test_maps_by_position_name_and_tuple():
    expected = SPEC(GREY, 1.5, 0.2)
    np.testing.assert_array_equal(SPEC(GREY, sigma_range=0.2, sigma_space=1.5), expected)
    np.testing.assert_array_equal(SPEC(GREY, 1.5, sigma_range=0.2), expected)
    np.testing.assert_array_equal(SPEC(GREY, *SPEC.Maps(1.5, 0.2)), expected)
    np.testing.assert_array_equal(NonLocalMeans(radius=2)(GREY, 0.2), NonLocalMeans(radius=2)(GREY, 0.2, sigma=0))
