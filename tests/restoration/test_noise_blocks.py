import numpy as np
import pytest
from scipy.ndimage import correlate1d

from pkn.restoration.noise_blocks import STEP, Grid, block_sums, varied

DETAIL = np.array([1, -2, 1]) / np.sqrt(6)


@pytest.mark.parametrize("size", [(1, 1), (1, 12), (5, 9), (8, 8), (30, 43)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sums_are_those_of_each_block(size, channels):
    planes = np.random.default_rng(1).random((channels, *size), np.float32)
    grid = Grid.of(size, 8)
    means, powers = block_sums(planes, grid)
    double = planes.astype(np.float64)
    power = np.square(correlate1d(correlate1d(double, DETAIL, 1, mode="mirror"), DETAIL, 2, mode="mirror"))
    parts = [power[0], power[1:].mean(0)] if channels == 3 else [power[0]]
    assert means.shape == powers.shape[1:] == (len(range(0, size[0] - grid.side + 1, STEP)), grid.columns.size)
    for i, row in enumerate(grid.rows):
        for j, column in enumerate(grid.columns):
            block = tuple(slice(at - grid.side // 2, at - grid.side // 2 + grid.side) for at in (row, column))
            assert double[0][block].shape == (grid.side, grid.side)
            assert means[i, j] == pytest.approx(double[0][block].mean(), rel=1e-6)
            expected = [part[block].mean() for part in parts]
            np.testing.assert_allclose(powers[:, i, j], expected, rtol=1e-5, atol=1e-12)


def test_pixels_on_lines_are_not_varied():
    _, columns = np.mgrid[:6, :9].astype(np.float32)
    planes = np.stack([np.full((6, 9), 0.3, np.float32), np.where(columns > 4, columns, 4)])
    out = np.empty((6, 9), bool)
    varied(planes, out)
    expected = np.zeros((6, 9), bool)
    expected[:, [4, 8]] = True  # where the ramp begins, and at the edge, which repeats
    np.testing.assert_array_equal(out, expected)
