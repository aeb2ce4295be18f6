"""Times of samplers."""

from pkn.degradations.base import times


def test_times_go_down_to_0():
    assert times(4) == [4, 3, 2, 1, 0]
    assert times(40, 2) == [40, 20, 0]
    assert times(10, 4) == [10, 8, 5, 2, 0]  # whole, as in training
    assert times(1, 2) == [1, 0.5, 0]
