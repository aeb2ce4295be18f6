"""Volumes: planes denoised together, in a few planes' memory."""

import numpy as np
import pytest

import pkn
from pkn.degradations.volumes import draw_volume


@pytest.fixture(scope="module")
def volume():
    """A clean volume in photons, and a recording of it; planes are two pixels apart."""
    random = np.random.default_rng(3)
    clean = 3 + 40 * draw_volume(random, (9, 96, 112), planes_apart=2, crowd=3)
    return clean, random.poisson(clean).astype(np.float32)


def error(result, clean):
    return float(np.mean((result - clean) ** 2))


def test_planes_together_are_better_than_each_by_itself(volume):
    clean, noisy = volume
    together = pkn.denoise(noisy, depth_axis=0, spacing=(2, 1, 1))
    alone = pkn.denoise(noisy, stack_axes=0)
    assert error(together, clean) < 10 ** (-0.15) * error(alone, clean)  # 1.5 dB


def test_axes_units_and_dtypes(volume):
    noisy = volume[1][:5, :48, :64]
    whole = pkn.denoise(noisy, depth_axis=0)
    moved = pkn.denoise(np.moveaxis(noisy, 0, 2), depth_axis=-1)
    np.testing.assert_array_equal(np.moveaxis(moved, 2, 0), whole)
    counts = pkn.denoise(noisy.astype(np.uint16), depth_axis=0) * 65535
    np.testing.assert_allclose(counts, whole, atol=0.05)
    far = pkn.denoise(noisy.astype(np.float64) * 1e3 + 1e6, depth_axis=0)
    np.testing.assert_allclose((far - 1e6) / 1e3, whole, atol=0.05)  # in noise of about 3
    np.testing.assert_array_equal(pkn.denoise(np.stack([noisy, noisy]), depth_axis=1, stack_axes=0)[1], whole)
    np.testing.assert_array_equal(
        pkn.denoise(noisy, depth_axis=0, spacing=(0.4, 0.2, 0.2)), pkn.denoise(noisy, depth_axis=0, spacing=(2, 1, 1))
    )


def test_a_causal_result_does_not_change_with_what_follows(volume):
    noisy = volume[1][:7, :48, :64]
    whole, part = (pkn.denoise(each, depth_axis=0, causal=True, sigma=4.0) for each in (noisy, noisy[:4]))
    np.testing.assert_array_equal(whole[:4], part)


def test_windows_end_with_the_volume(volume):
    """A plane depends on four planes to either side, two in each pass, and on no others."""
    noisy = volume[1][:, :48, :64]
    changed = noisy.copy()
    changed[8] = changed[8, ::-1]
    one, other = (pkn.denoise(each, depth_axis=0, sigma=4.0) for each in (noisy, changed))
    np.testing.assert_array_equal(one[:4], other[:4])
    assert not np.array_equal(one[4], other[4])


def test_one_plane_is_a_volume_too(volume):
    plane = volume[1][:1]
    result = pkn.denoise(plane, depth_axis=0)
    assert error(result, volume[0][:1]) < 0.2 * error(plane, volume[0][:1])


def test_maps_are_what_the_filter_took(volume):
    noisy = volume[1][:5, :48, :64]
    maps = pkn.predict_maps(noisy, depth_axis=0)
    result = maps.apply(noisy)
    np.testing.assert_array_equal(result, pkn.denoise(noisy, depth_axis=0))
    weights = maps.kernel_at(noisy, (2, 30, 30))
    assert weights.min() >= 0
    reach = weights.shape[1] // 2
    padded = np.pad(noisy, [(0, 0), (reach, reach), (reach, reach)], mode="symmetric")
    window = padded[:, 30 : 30 + 2 * reach + 1, 30 : 30 + 2 * reach + 1]
    assert (weights * window).sum() == pytest.approx(result[2, 30, 30], rel=1e-4)
