import numpy as np
import pytest

from pkn.filters.engine.quantiles import median, quantile


@pytest.mark.parametrize("size", [1, 2, 3, 100, 4097, 250_000])
@pytest.mark.parametrize("step", [0, 0.1])
@pytest.mark.parametrize("ordered", [False, True])
def test_they_are_numpys(size, step, ordered):
    values = np.abs(np.random.default_rng(size).standard_normal(size)).astype(np.float32)
    values = np.round(values / step) * step if step else values  # many equal values
    values = np.sort(values) if ordered else values
    before = values.copy()
    assert median(values) == np.median(values)
    for part in (0, 0.005, 0.04, 0.5, 0.97, 1):
        assert quantile(values, part) == pytest.approx(np.quantile(values.astype(np.float64), part), rel=1e-12)
    np.testing.assert_array_equal(values, before)
