"""Averages along motion, against a naive loop and cases that can be worked out."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pkn.motion.averaging import LANCZOS, PHASES, TAPS, Sums, add_frame, displacements, samples
from pkn.motion.matching import grid_size


def linear(plane, y, x):
    """Linear interpolation, the edge repeated."""
    y, x = np.clip(y, 0, plane.shape[0] - 1), np.clip(x, 0, plane.shape[1] - 1)
    i, j = min(int(y), max(plane.shape[0] - 2, 0)), min(int(x), max(plane.shape[1] - 2, 0))
    k, m = min(i + 1, plane.shape[0] - 1), min(j + 1, plane.shape[1] - 1)
    t, u = y - i, x - j
    return (1 - t) * ((1 - u) * plane[i, j] + u * plane[i, m]) + t * ((1 - u) * plane[k, j] + u * plane[k, m])


def naive(planes, guide, other, motion, sigma):
    """Weights and weighted values of another frame, pixel by pixel."""
    values, weights = np.zeros(planes.shape), np.zeros(planes.shape[1:])
    for y, x in np.ndindex(weights.shape):
        gy, gx = (y - 0.5) / 2, (x - 0.5) / 2
        d = [linear(each, (gy - 3.5) / 8, (gx - 3.5) / 8) for each in motion]
        py, px = y + 2 * d[0], x + 2 * d[1]
        if not (-0.5 <= py <= planes.shape[1] - 0.5 and -0.5 <= px <= planes.shape[2] - 0.5):
            continue
        distance = sum(
            (linear(o, gy + d[0], gx + d[1]) - linear(g, gy, gx)) ** 2 for o, g in zip(other, guide, strict=True)
        )
        weights[y, x] = np.exp(distance * linear(-0.5 / sigma**2, gy, gx))
        r, c = int(np.floor(py)), int(np.floor(px))
        wy, wx = LANCZOS[int((py - r) * PHASES)], LANCZOS[int((px - c) * PHASES)]
        for k in range(TAPS):
            for m in range(TAPS):
                pixel = planes[
                    :, np.clip(r + k - 2, 0, planes.shape[1] - 1), np.clip(c + m - 2, 0, planes.shape[2] - 1)
                ]
                values[:, y, x] += weights[y, x] * wy[k] * wx[m] * pixel
    return values, weights


@pytest.mark.parametrize(("size", "channels"), [((30, 44), 1), ((17, 23), 3), ((2, 3), 1)])
def test_the_kernel_is_the_formula(size, channels):
    random = np.random.default_rng(0)
    half = -(-size[0] // 2), -(-size[1] // 2)
    planes = random.random((channels, *size), np.float32)
    guide, other = (random.random((channels, *half), np.float32) for _ in range(2))
    motion = random.uniform(-3, 3, (2, *grid_size(half))).astype(np.float32)
    sigma = random.uniform(0.3, 1, half).astype(np.float32)
    sums = Sums.nothing(planes)
    add_frame(sums, guide, planes, other, motion, sigma)
    values, weights = naive(planes.astype(float), guide, other, motion, sigma)
    # A fraction that is rounded to another phase changes a value a little.
    assert np.quantile(np.abs(sums.values - values), 0.97) < 1e-4
    np.testing.assert_allclose(sums.weights, weights, atol=2e-4)
    np.testing.assert_allclose(sums.squares, weights**2, atol=2e-4)


def test_samples_are_what_the_kernel_takes():
    random = np.random.default_rng(0)
    planes, guide = random.random((1, 40, 56), np.float32), np.zeros((1, 20, 28), np.float32)
    motion = random.uniform(-2, 2, (2, *grid_size((20, 28)))).astype(np.float32)
    sums = Sums.nothing(planes)
    add_frame(sums, guide, planes, guide, motion, np.ones((20, 28), np.float32))
    rows, columns = (each.ravel() for each in np.indices((40, 56)))
    r, c, weights = samples(motion, rows, columns, (40, 56))
    inside = sums.weights.ravel() > 0
    expected = (weights * planes[0, r, c]).sum((1, 2))
    assert np.quantile(np.abs(sums.values.ravel() - expected)[inside], 0.97) < 1e-4
    assert displacements(motion, rows, columns).shape == (2, 40 * 56)


def test_equal_frames_have_noise_that_falls_as_the_root_of_their_number():
    random = np.random.default_rng(0)
    clean, n = gaussian_filter(random.random((64, 80)), 3).astype(np.float32), 7
    frames = [(clean + 0.1 * random.standard_normal(clean.shape)).astype(np.float32)[None] for _ in range(n)]
    guide, still = np.zeros((1, 32, 40), np.float32), np.zeros((2, *grid_size((32, 40))), np.float32)
    sums = Sums.of(frames[0])
    for other in frames[1:]:
        add_frame(sums, guide, other, guide, still, np.ones((32, 40), np.float32))
    average, factor = sums.mean()
    np.testing.assert_allclose(average, np.mean(frames, axis=0), atol=1e-6)
    np.testing.assert_allclose(factor, 1 / np.sqrt(n), rtol=1e-6)


def test_what_is_unlike_leaves_no_trace():
    clean = np.full((1, 48, 48), 0.2, np.float32)
    flash = clean.copy()
    flash[:, 16:32, 16:32] = 1
    guide, other = (image[:, ::2, ::2].copy() for image in (clean, flash))
    sums = Sums.of(clean)
    add_frame(sums, guide, flash, other, np.zeros((2, 3, 3), np.float32), np.full((24, 24), 0.02, np.float32))
    inside = np.s_[0, 19:29, 19:29]  # within the flash in the guide too
    np.testing.assert_array_equal(sums.mean()[0][inside], clean[inside])


def test_a_signal_moved_by_a_fraction_is_found_again():
    at = np.arange(96)
    frames = [np.sin(2 * np.pi * (at[:, None] / 9 + (at - d) / 6))[None].astype(np.float32) for d in (0, 0.5)]
    guide = np.zeros((1, 48, 48), np.float32)
    motion = np.zeros((2, 6, 6), np.float32)
    motion[1] = 0.25  # of the guide's pixels, which are twice as large
    sums = Sums.nothing(frames[0])
    add_frame(sums, guide, frames[1], guide, motion, np.ones((48, 48), np.float32))
    assert np.abs(sums.values - frames[0])[0, 4:-4, 4:-4].max() < 0.03
