"""Borders against scipy.ndimage and numpy.pad, and the adjoint against the stage itself."""

import naive
import numpy as np
import pytest
import scipy.ndimage

from pkn.filters.engine.borders import MODES, OUTSIDE, border_index, pad, pad_adjoint

SIZES = [(1, 1), (1, 4), (2, 1), (2, 5), (3, 2), (5, 3), (5, 13), (8, 7), (7, 20)]  # radii beyond the image too


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "radius"), SIZES)
def test_index_is_numpys(size, radius, mode):
    index = border_index(size, radius, mode)
    if mode == "constant":
        expected = np.pad(np.arange(size), radius, constant_values=OUTSIDE)
    else:
        expected = np.pad(np.arange(size), radius, mode=naive.NUMPY_MODES[mode])
    np.testing.assert_array_equal(index, expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "radius"), SIZES)
def test_border_is_scipys(size, radius, mode):
    signal = np.arange(1.0, size + 1)
    padded = pad(np.tile(signal, (2, 1)), radius, mode)[radius]
    for offset in range(-radius, radius + 1):
        shift = np.zeros(2 * radius + 1)
        shift[radius + offset] = 1
        expected = scipy.ndimage.correlate1d(signal, shift, mode=mode)
        np.testing.assert_array_equal(padded[radius + offset : radius + offset + size], expected)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("height", "width", "radius"), [(1, 1, 3), (1, 9, 2), (5, 3, 2), (3, 4, 7), (13, 11, 5)])
def test_pad_and_its_adjoint(height, width, radius, mode):
    generator = np.random.default_rng(height + width)
    image = generator.standard_normal((2, 3, height, width))
    padded = pad(image, radius, mode)
    np.testing.assert_array_equal(padded, naive.pad(image, radius, mode))
    v_padded = generator.standard_normal(padded.shape)
    v_image = pad_adjoint(v_padded, radius, mode)
    assert v_image.shape == image.shape
    assert v_image.flags.c_contiguous
    np.testing.assert_allclose(np.vdot(padded, v_padded), np.vdot(image, v_image), rtol=1e-12)


def test_padding_leaves_its_inputs_alone():
    image, v_padded = np.arange(12.0).reshape(3, 4), np.arange(56.0).reshape(7, 8)
    pad(image, 2, "constant")
    pad_adjoint(v_padded, 2, "wrap")
    np.testing.assert_array_equal(image, np.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(v_padded, np.arange(56.0).reshape(7, 8))
