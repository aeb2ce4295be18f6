"""The table of baselines that `make bench` times: results agree within the tolerance of each comparison."""

import numpy as np
import pytest

from benchmarks.table import PAIRS, photograph

SIDE, EDGE = 96, 20


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name}, {pair.baseline}")
def test_pairs_agree(pair, channels):
    if channels not in pair.channels:
        pytest.skip("the pair is for RGB or grey alone")
    if pair.tolerance is None:
        pytest.skip("the methods differ by definition: only their speed is compared")
    image = photograph(SIDE, SIDE + 10, channels)
    ours, theirs = pair.ours(image)(), pair.theirs(image)()
    theirs = theirs / np.float32(255) if theirs.dtype == np.uint8 else theirs
    if theirs.ndim == 4:  # torch's planes
        theirs = np.moveaxis(theirs[0], 0, -1).reshape(image.shape)
    inner = np.s_[EDGE:-EDGE, EDGE:-EDGE]
    assert np.sqrt(np.mean((ours[inner] - theirs[inner]) ** 2)) <= pair.tolerance
    assert np.sqrt(np.mean((image[inner] - ours[inner]) ** 2)) > 2 * pair.tolerance or pair.tolerance > 1e-3
