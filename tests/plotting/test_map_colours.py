import numpy as np
import pytest

from pkn.filters import MapRange
from pkn.plotting.maps import own_colours

SHARE = MapRange("", 0.0, 1.0, (0, 1), logarithmic=False)
WIDTH = MapRange("1/px", 0.1, 4.0, (0, np.inf))


@pytest.mark.parametrize("value", [0.0, 0.02, 0.5, 0.99, 1.0])
def test_a_flat_map_has_a_tenth_of_its_range_and_nothing_beyond(value):
    _, _, norm = own_colours(np.full((6, 8), value), SHARE)
    assert norm.vmax - norm.vmin == pytest.approx(0.1)
    assert 0 <= norm.vmin <= value <= norm.vmax <= 1


def test_inverse_widths_are_widened_in_the_logarithm():
    _, _, norm = own_colours(np.full((6, 8), 0.1), WIDTH)
    assert (norm.vmin, norm.vmax) == pytest.approx((0.1, 0.1 * 40**0.1))


def test_values_beyond_the_range_are_covered():
    values = np.linspace(-0.5, 1.5, 48).reshape(6, 8)
    _, _, norm = own_colours(values, SHARE)
    assert (norm.vmin, norm.vmax) == pytest.approx(tuple(np.percentile(values, (0.5, 99.5))))
