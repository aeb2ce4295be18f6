"""Videos as Dask arrays: lazy, and bit for bit what NumPy gives."""

import dask.array as da
import numpy as np
import pytest

import pkn
from pkn.restoration.streams import ANEW

LONG = 2 * ANEW + 5


def draw(shape, seed=0):
    """Counts of a pattern that moves by half a pixel a frame, in light that fades; noise changes with the time."""
    random, (count, rows, columns) = np.random.default_rng(seed), shape[-3:]
    y, x, t = np.arange(rows)[:, None], np.arange(columns), np.arange(count)[:, None, None]
    light = 30 * 0.97**t * (2 + np.sin((x + 0.5 * t) / 4) + np.cos(y / 5))
    return random.poisson(np.broadcast_to(light, shape)).astype(np.float32)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("frames", "neighbours"),
    [((ANEW, ANEW, 5), 2), ((10, 20, 7), 3), (LONG, 1), (5, 0), ((ANEW,) * 2 + (5,), 17)],
    ids=str,
)
def test_bits_of_the_whole(frames, neighbours, causal):
    image = draw((LONG, 24, 30))
    settings = {"time_axis": 0, "neighbours": neighbours, "causal": causal}
    lazy = pkn.denoise(da.from_array(image, chunks=(frames, 13, 17)), **settings)
    assert (lazy.shape, lazy.dtype) == (image.shape, np.float32)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), pkn.denoise(image, **settings))


def test_chunks_are_of_whole_frames():
    lazy = pkn.denoise(da.zeros((LONG, 24, 30), chunks=(7, 10, 10)), time_axis=0)
    assert lazy.numblocks[1:] == (1, 1)
    assert len(lazy.chunks[0]) > 1


def test_colour_stacks_and_dtypes():
    image = draw((2, 3, ANEW + 4, 20, 30)).astype(np.uint16).transpose(2, 0, 3, 4, 1)  # time, stack, rows, columns, RGB
    settings = {"time_axis": 0, "stack_axes": 1, "channel_axis": -1, "dtype": "same"}
    lazy = pkn.denoise(da.from_array(image, chunks=(ANEW, 1, 20, 30, 2)), **settings)
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), pkn.denoise(image, **settings))


def test_values_that_are_not_finite_are_named():
    lazy = pkn.denoise(da.full((3, 24, 30), np.nan, np.float32), time_axis=0)
    with pytest.raises(ValueError, match="not finite"):
        lazy.compute(scheduler="synchronous")
