"""Block matching, against motion that is known."""

import numba
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from pkn.motion.matching import BLOCK, find_motion, grid_size


def texture(height, width, seed=0, smooth=1.5):
    values = gaussian_filter(np.random.default_rng(seed).random((height, width)), smooth)
    return ((values - values.mean()) / values.std()).astype(np.float32)


@pytest.mark.parametrize("moved", [(0, 0), (0.4, -0.3), (2.5, 1.25), (-7.3, 11.8), (24, -17)])
def test_a_translation_is_found_to_a_twentieth_of_a_pixel(moved):
    here = texture(200, 240, smooth=2)
    there = shift(here, moved, order=5)
    found = find_motion(here, there, 1e-3)
    inner = found[:, 4:-4, 4:-4]
    assert np.abs(np.median(inner, axis=(1, 2)) - moved).max() < 0.02
    assert np.quantile(np.abs(inner - np.reshape(moved, (2, 1, 1))), 0.95) < 0.05


def test_noise_hardly_matters_where_all_moves_alike():
    here = texture(160, 160, smooth=2)
    pair = [
        image + 0.3 * texture(160, 160, seed, 1) for seed, image in ((5, here), (6, shift(here, (1.5, -2.25), order=5)))
    ]
    found = find_motion(*pair, 0.3)[:, 2:-2, 2:-2]
    assert np.sqrt(np.mean((found - np.array([1.5, -2.25])[:, None, None]) ** 2)) < 0.1


def test_what_moves_by_itself_is_found_by_itself():
    back, front = texture(160, 240, 1), texture(160, 240, 2)
    mask = np.zeros((160, 240), bool)
    mask[40:120, 60:180] = True
    here = np.where(mask, front, back)
    there = np.where(
        shift(mask.astype(float), (0, 6), order=0) > 0.5, shift(front, (0, 6)), shift(back, (2, 0), mode="mirror")
    )
    found = find_motion(here, there.astype(np.float32), 1e-2)
    assert np.abs(np.median(found[:, 7:13, 11:19], axis=(1, 2)) - (0, 6)).max() < 0.1
    assert np.abs(np.median(found[:, 1:4, 1:-1], axis=(1, 2)) - (2, 0)).max() < 0.1


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (7, 9), (17, 33)])
def test_any_size_and_nothing_to_see(size):
    flat = np.ones(size, np.float32)
    np.testing.assert_array_equal(find_motion(flat, flat, 0.1), np.zeros((2, *grid_size(size)), np.float32))
    other = np.random.default_rng(0).random(size, np.float32)
    assert np.isfinite(find_motion(flat, other, 0.0)).all()


def test_blocks_without_detail_move_with_those_around():
    here = texture(128, 128, smooth=2)
    here[48:80, 48:80] = 0
    found = find_motion(here, shift(here, (0, 3.5), order=1), 1e-2)
    assert np.abs(found[:, 7:9, 7:9] - np.array([0, 3.5])[:, None, None]).max() < 0.3


def test_bits_do_not_depend_on_threads():
    here = texture(130, 170)
    there = shift(here, (1.3, 2.2), order=1)
    found = find_motion(here, there, 0.1)
    try:
        numba.set_num_threads(1)
        np.testing.assert_array_equal(find_motion(here, there, 0.1), found)
    finally:
        numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert found.shape == (2, -(-130 // BLOCK), -(-170 // BLOCK))
