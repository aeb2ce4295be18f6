"""Certificates hold for what filters made, and not for what somebody painted."""

import numpy as np
import pytest
from scipy.ndimage import maximum_filter
from skimage import data

import pkn
from pkn.evidence.bounds import value_bounds
from pkn.filters import Pyramid

CAMERA = data.camera()[60:140, 180:270].astype(np.float32) / 255
NOISY = CAMERA + np.float32(0.1) * np.random.default_rng(0).standard_normal(CAMERA.shape).astype(np.float32)
VALUES = {
    "kx": (0.1, 1),
    "ky": (0.1, 1),
    "rho": (-0.5, 0.5),
    "sigma_range": (0.05, 2),
    "guide": (0, 1),
    "blend": (0, 1),
}
RGB = np.stack([NOISY, NOISY[::-1], 1 - NOISY], -1)


@pytest.mark.parametrize("net", ["any-noise", "bilateral", "non-local-means", "isotropic-gaussian"])
@pytest.mark.parametrize(("image", "axis"), [(NOISY, None), (RGB, -1)])
def test_holds_and_is_broken(net, image, axis):
    maps = pkn.predict_maps(image, net, sigma=0.1, channel_axis=axis)
    result = maps.apply(image)
    found = pkn.certify(image, result, maps)
    assert (found.convex, found.holds, found.excess) == (True, True, 0)
    assert np.nanmax(np.abs(found.absolute_weights - 1)) < 1e-5
    assert "holds" in str(found)
    result[30, 40] += 2
    broken = pkn.certify(image, result, maps)
    assert (broken.holds, broken.outside_range) == (False, 1)
    assert "is broken at 1 pixels" in str(broken)


@pytest.mark.parametrize("border", ["reflect", "wrap"])
def test_bounds_of_a_pyramid_are_those_of_all_guides(border):
    """Whatever weights the filters of the levels choose, blends alone bound the result."""
    flt, rng = Pyramid(radius=2, features=1, levels=3, border=border), np.random.default_rng(0)
    image, widths = rng.random((37, 42)), []
    sizes = {name: flt.plane_shape(name) + flt.map_size(name, image.shape) for name in flt.ranges}
    blends = {name: rng.random(size) for name, size in sizes.items() if name.startswith("blend")}
    for _ in range(20):
        values = {name: rng.uniform(*VALUES[name.rpartition("_")[0]], size) for name, size in sizes.items()}
        maps = pkn.ParameterMaps(flt, values | blends)
        low, high = value_bounds(maps, {"": image[None]}, np.ones(image.shape, bool))[""][:, 0]
        result = maps.apply(image)
        assert (low - 1e-12 <= result).all()
        assert (result <= high + 1e-12).all()
        widths.append((high - low).mean())
    assert np.ptp(widths) < 1e-6  # of blends alone


def test_a_pixel_painted_within_the_range_is_found():
    """Steps of three times the noise: about half; the range of all pixels in reach finds a third of that at most."""
    maps = pkn.predict_maps(NOISY, sigma=0.1)
    painted, side = maps.apply(NOISY) + 0.3, 2 * maps.filter.reach + 1
    found = pkn.certify(NOISY, painted, maps)
    assert found.outside_range > 0.4 * NOISY.size > 3 * np.count_nonzero(painted > maximum_filter(NOISY, side))


def test_integers_may_be_off_by_rounding():
    image = (255 * NOISY.clip(0, 1)).astype(np.uint8)
    maps = pkn.predict_maps(image)
    result = maps.apply(image, dtype="same")
    assert pkn.certify(image, result, maps).holds
    flat = np.full((64, 64), 100, np.uint8)
    maps = pkn.predict_maps(flat)
    assert pkn.certify(flat, flat, maps).holds
    assert not pkn.certify(flat, flat + np.uint8(2), maps).holds


@pytest.mark.parametrize(
    ("net", "image", "axis"),
    [("any-noise", NOISY, None), ("bilateral", NOISY, None), ("non-local-means", NOISY, None), ("any-noise", RGB, -1)],
)
def test_share_from_outside_is_the_sum_of_exact_weights(net, image, axis):
    maps = pkn.predict_maps(image, net, sigma=0.1, channel_axis=axis)
    region = np.zeros(CAMERA.shape, bool)
    region[:, :45] = True
    found = pkn.certify(image, maps.apply(image), maps, region=region)
    for row, column in ((40, 40), (40, 44), (38, 50)):
        kernels = np.atleast_3d(maps.kernel_at(image, (row, column)).T).T  # (parts, side, side)
        at = column - maps.filter.reach + np.arange(kernels.shape[-1])
        for kernel, share in zip(kernels, found.outside.values(), strict=True):
            assert share[row, column] == pytest.approx(kernel[:, at >= 45].sum(), abs=2e-5)
    assert "in the region that comes from outside" in str(found)
    whole = pkn.certify(image, maps.apply(image), maps, region=np.ones(CAMERA.shape, bool))
    assert max(share.max() for share in whole.outside.values()) == 0


def test_sharpening_is_not_bounded_and_says_by_how_much():
    maps = pkn.predict_maps(CAMERA, "reblur")
    maps = maps.replace(a=np.full_like(maps["a"], 6.0)) if "a" in maps else maps
    found = pkn.certify(CAMERA, maps.apply(CAMERA), maps)
    assert not found.convex
    assert np.nanmax(found.absolute_weights) > 1
    assert "values may leave the range" in str(found)
    assert "sum of |w|" in str(found)


def test_enlarging_is_checked_against_the_pixels_around():
    maps = pkn.predict_maps(CAMERA, "upsample")
    result = maps.apply(CAMERA)
    found = pkn.certify(CAMERA, result, maps)
    assert found.absolute_weights is None
    result[50, 60] = 9
    assert pkn.certify(CAMERA, result, maps).outside_range == found.outside_range + 1


def test_gaps_and_refusals():
    image = NOISY.copy()
    image[20:24, 30:34] = np.nan
    maps = pkn.predict_maps(image)
    assert pkn.certify(image, maps.apply(image), maps).holds
    with pytest.raises(ValueError, match="region is float64 of shape"):
        pkn.certify(image, maps.apply(image), maps, region=np.ones(image.shape))
    with pytest.raises(ValueError, match="result is NaN everywhere"):
        pkn.certify(image, np.full(image.shape, np.nan), maps)


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_values_that_are_not_finite_break_it(lost):
    maps = pkn.predict_maps(NOISY, sigma=0.1)
    result = maps.apply(NOISY)
    result[:, 20] = lost
    assert not pkn.certify(NOISY, result, maps).holds
    with pytest.raises(ValueError, match="result has shape"):
        pkn.certify(NOISY, result[:30], maps)
