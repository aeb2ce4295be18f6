import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pkn.filters.engine import memory
from pkn.filters.engine.memory import LEAST, MOST, contiguous, empty

SHAPE = (3, 400, 512)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_of_an_array_that_is_gone_is_used_again():
    memory._kept.clear()
    first = empty(SHAPE, np.float32)
    view, place = first[1:, ::2], address(first)
    del first
    other = empty(SHAPE, np.float32)
    assert address(other) != place  # a view still needs it
    del view
    assert address(empty((3, 390, 512), np.float32)) == place


def test_arrays_that_live_share_nothing():
    arrays = [empty(SHAPE, np.float32) for _ in range(5)]
    for number, array in enumerate(arrays):
        array[...] = number
    assert [array.min() == array.max() == number for number, array in enumerate(arrays)] == [True] * 5
    assert all(array.flags.c_contiguous and array.flags.writeable and array.dtype == np.float32 for array in arrays)


def test_a_bounded_amount_is_kept():
    arrays = [empty((MOST // 3,), np.uint8) for _ in range(6)]
    del arrays
    gc.collect()
    assert sum(each.nbytes for each in memory._kept) <= MOST
    small, large = empty((LEAST - 1,), np.uint8), empty((MOST + 1,), np.uint8)
    assert small.base is None
    assert large.base is None


def test_many_threads_get_different_memory():
    def fill(number):
        for _ in range(50):
            array = empty((300, 300), np.float64)
            array[...] = number
            assert array.min() == array.max() == number

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(8)))


def test_contiguous_copies_only_what_is_not():
    planes = np.arange(2 * 700 * 30).reshape(2, 700, 30)
    assert contiguous(planes) is planes
    copied = contiguous(planes[:, :, ::3])
    np.testing.assert_array_equal(copied, planes[:, :, ::3])
    assert copied.flags.c_contiguous
