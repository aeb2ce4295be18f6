"""Derived maps against kernels that are known."""

import itertools

import numpy as np
import pytest
from skimage import data

import pkn
from pkn.filters import AnisotropicGaussian, AnisotropicUpsampling, Bilateral, IsotropicGaussian
from pkn.restoration.plain_units import readable_maps
from pkn.restoration.weight_operators import frozen_weights

CAMERA = data.camera()[60:140, 180:270].astype(np.float32) / 255
NOISY = CAMERA + np.float32(0.1) * np.random.default_rng(0).standard_normal(CAMERA.shape).astype(np.float32)
RGB = np.stack([NOISY, NOISY[::-1], 1 - NOISY], -1)


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_of_a_gaussian(sigma):
    maps = pkn.ParameterMaps(IsotropicGaussian(11), {"sigma": np.full((70, 80), sigma)})
    found = readable_maps(maps)
    inner = np.s_[15:-15, 15:-15]
    np.testing.assert_allclose(found["radius"].values[inner], sigma, rtol=1e-3)
    assert 1 / np.mean(1 / found["pixels"].values[inner]) == pytest.approx(4 * np.pi * sigma**2, rel=0.07)
    assert np.isnan(found["direction"].values[inner]).all()


@pytest.mark.parametrize("angle", [0, 30, 90, 120])
def test_direction_is_that_of_the_longest_axis(angle):
    """A Gaussian 4 px long and 1 px wide, turned anticlockwise; rows of an image point down."""
    along = np.array([-np.sin(np.radians(angle)), np.cos(np.radians(angle))])  # rows, columns
    covariance = np.eye(2) + (16 - 1) * np.outer(along, along)
    precision = np.linalg.inv(covariance)
    ky, kx = np.sqrt(np.diag(precision))
    size = (90, 90)
    values = {"kx": np.full(size, kx), "ky": np.full(size, ky), "rho": np.full(size, precision[0, 1] / (kx * ky))}
    flt = AnisotropicGaussian(15)
    maps = pkn.ParameterMaps(flt, values)
    found = readable_maps(maps)
    direction = found["direction"].values[45, 45]
    assert abs((direction - angle + 90) % 180 - 90) < 0.5
    assert found["radius"].values[45, 45] == pytest.approx(np.sqrt(17 / 2), rel=0.01)


@pytest.mark.parametrize(("net", "image", "axis"), [("any-noise", NOISY, None), ("bilateral", NOISY, None)])
def test_of_networks_against_exact_kernels(net, image, axis):
    maps = pkn.predict_maps(image, net, sigma=0.1, channel_axis=axis)
    found = readable_maps(maps, image)
    squares = []
    for row, column in ((40, 45), (12, 70), (65, 33)):
        kernel = maps.kernel_at(image, (row, column)).astype(float)
        distance = np.arange(kernel.shape[0]) - maps.filter.reach
        if min(row, column, 79 - row, 89 - column) >= maps.filter.reach:  # the window is inside
            squared = (kernel * (distance[:, None] ** 2 + distance**2)).sum()
            assert found["radius"].values[row, column] == pytest.approx(np.sqrt(squared / 2), rel=1e-3)
        squares.append(found["pixels"].values[row, column] * np.square(kernel).sum())
    assert np.mean(squares) == pytest.approx(1, abs=0.5)


def test_numbers_of_pixels_are_within_a_quarter():
    """Of two pixels in three; where few are averaged, within a seventh."""
    clean = data.camera()[200:360, 160:340].astype(np.float32) / 255
    noisy = clean + np.float32(0.1) * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    maps = pkn.predict_maps(noisy, sigma=0.1)
    places = [tuple(place) for place in np.random.default_rng(0).integers(clean.shape, size=(100, 2)).tolist()]
    exact = np.array([1 / np.square(maps.kernel_at(noisy, place).astype(float)).sum() for place in places])
    estimated = readable_maps(maps)["pixels"].values
    found = np.array([estimated[place] for place in places])
    errors = np.log(found / exact)
    few = exact < 50
    assert 20 < np.count_nonzero(few) < 50
    assert abs(np.median(errors)) < 0.05
    assert np.mean(np.abs(errors) < 0.25) > 0.68
    assert np.mean(np.abs(errors[few]) < 1 / 7) > 0.68


def test_a_bilateral_filter_is_frozen_as_a_joint_one():
    """The same weights as kernel_at's, for grey and for colours."""
    for image, axis in ((NOISY, None), (RGB, -1)):
        maps = pkn.predict_maps(image, "bilateral", sigma=0.1, channel_axis=axis)
        region = np.zeros((1, *CAMERA.shape))
        region[0, :, 45:] = 1
        (operator,) = frozen_weights(maps, image).values()
        kernel = maps.kernel_at(image, (40, 44))
        reach = maps.filter.reach
        assert operator(region)[0, 40, 44] == pytest.approx(kernel[:, reach + 1 :].sum(), abs=1e-5)
    assert frozen_weights(maps) == {}


def test_shares_of_levels_and_parts():
    maps = pkn.predict_maps(RGB, channel_axis=-1)
    found = readable_maps(maps, RGB)
    names = [f"{part}_{name}" for part in ("luma", "chroma") for name in ("radius", "direction", "pixels", "coarser")]
    assert list(found) == names
    np.testing.assert_array_equal(found["luma_coarser"].values, 1 - maps["luma_blend_0"])
    assert np.median(found["chroma_radius"].values) > np.median(found["luma_radius"].values)


def test_non_local_means_is_sampled():
    maps = pkn.predict_maps(NOISY, "non-local-means", sigma=0.1)
    found = readable_maps(maps, NOISY)
    assert found["pixels"].values.shape == NOISY.shape
    kernel = maps.kernel_at(NOISY, (0, 0))
    assert found["pixels"].values[0, 0] == pytest.approx(1 / np.square(kernel).sum(), rel=0.2)
    assert readable_maps(maps) == {}


def test_filters_that_sharpen_say_how_much_noise_grows():
    maps = pkn.predict_maps(NOISY, "reblur")
    found = readable_maps(maps, NOISY)
    assert list(found) == ["noise"]
    ratios = []
    for row, column in itertools.product(range(20, 60, 8), range(20, 70, 8)):
        kernel = maps.kernel_at(NOISY, (row, column)).astype(float)
        ratios.append(found["noise"].values[row, column] ** 2 / np.square(kernel).sum())
    assert np.mean(ratios) == pytest.approx(1, abs=0.15)  # of 12 probes, smoothed


@pytest.mark.parametrize("scale", [2, (1.5, 3)])
def test_filters_that_enlarge_are_measured_in_pixels_of_the_image(scale):
    size = (40, 50)
    values = {"kx": np.full(size, 1 / 3), "ky": np.full(size, 1 / 1.5), "rho": np.zeros(size)}
    maps = pkn.ParameterMaps(AnisotropicUpsampling(radius=11, scale=scale), values)
    found = readable_maps(maps)
    out = maps.apply(np.zeros(size))
    assert found["radius"].values.shape == out.shape
    middle = tuple(side // 2 for side in out.shape)
    assert found["radius"].values[middle] == pytest.approx(np.sqrt((9 + 1.5**2) / 2), rel=0.01)
    assert found["direction"].values[middle] == pytest.approx(0, abs=0.5)


def test_gaps_carry_no_weight():
    mask = np.ones(NOISY.shape, bool)
    mask[:, 45:] = False
    maps = pkn.ParameterMaps(
        Bilateral(5), {"sigma_space": np.full(NOISY.shape, 2.0), "sigma_range": np.full(NOISY.shape, 1.0)}
    )
    (operator,) = frozen_weights(maps, NOISY, mask).values()
    right = np.zeros((1, *NOISY.shape))
    right[..., 45:] = 1
    assert np.nanmax(operator(right)[..., :45]) == 0
