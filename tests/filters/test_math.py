"""The core's 2^x against NumPy's: error bounds, and exact zeros."""

import numpy as np
import pytest

from pkn.filters.engine.compile import kernel
from pkn.filters.engine.math import exp2


@kernel
def apply(x, out):
    for i in range(x.size):
        out[i] = exp2(x[i])


def powers(x):
    out = np.empty_like(x)
    apply(x, out)
    return out


# Below the smallest normal number results may lose bits, below half of it they are 0.
@pytest.mark.parametrize(("dtype", "low", "bound"), [(np.float32, -126, 2e-7), (np.float64, -1022, 1e-14)])
def test_exp2(dtype, low, bound):
    x = np.concatenate([np.linspace(-130, 0, 1_000_003), np.arange(-130.0, 1), np.linspace(low, low / 2, 100_003)])
    x = x.astype(dtype)
    # The truth, rounded from long double, at the same float32 or float64 inputs
    truth = np.exp2(x.astype(np.longdouble))
    result = powers(x)
    normal = x >= low
    error = np.abs(result[normal] - truth[normal]) / truth[normal]
    assert error.max() < bound
    np.testing.assert_array_equal(result[x <= low - 1], 0)
    assert ((result >= 0) & (result <= 1)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_values(dtype):
    low = {np.float32: -127, np.float64: -1023}[dtype]
    x = np.array([0, -0.0, -1, -2, -100, low, low - 0.6, 10 * low, -1e30, -np.inf, 1, 64], dtype)
    np.testing.assert_array_equal(powers(x), [1, 1, 0.5, 0.25, 2.0**-100, 0, 0, 0, 0, 0, 2, 2.0**64])


def test_subnormal_results_stay_small():
    x = np.linspace(-127, -126, 1001).astype(np.float32)
    truth = np.exp2(x.astype(np.float64))
    result = powers(x)
    assert ((result == 0) | (np.abs(result - truth) < 1e-6 * truth + 2e-45)).all()
