"""Prediction without torch agrees with torch, and is bit-identical for any threads and tiles."""

import subprocess
import sys

import numba
import numpy as np
import pytest
import torch

from pkn.filters import FILTERS, Bilateral, Pyramid
from pkn.nets import MapNet, Predictor
from pkn.nets.map_net.network import weights_of
from pkn.nets.map_net.noise_level import _median


def pair(flt, channels, **settings):
    torch.manual_seed(0)
    net = MapNet(flt, channels, **settings)
    for name, values in net.named_parameters():
        if name.endswith("bias"):
            values.data.uniform_(-0.5, 0.5)
    return net, Predictor(net.architecture, weights_of(net))


def compare(net, predictor, image, sigma):
    with torch.inference_mode():
        wanted = net(torch.from_numpy(image), torch.from_numpy(sigma))
    for name, ours, theirs in zip(wanted._fields, predictor(image, sigma), wanted, strict=True):
        assert ours.shape == theirs.shape, name
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5 * float(theirs.abs().max()), err_msg=name)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", FILTERS, ids=lambda kind: kind.__name__)
def test_agrees_with_torch(kind, channels):
    channels = kind.channels or channels
    image = np.random.default_rng(0).random((1, channels, 37, 150), np.float32)
    compare(*pair(kind(), channels), image, np.array([0.05], np.float32))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 64), (65, 7), (70, 1100)])
@pytest.mark.parametrize("settings", [{}, {"down": 4}, {"depth": 2, "width": 5}, {"depth": 5}], ids=str)
def test_agrees_with_torch_at_any_size(size, settings):
    image = np.random.default_rng(0).random((2, 1, *size), np.float32)
    compare(*pair(Pyramid(levels=2), 1, **settings), image, np.array([0.05, 0.2], np.float32))


def test_agrees_with_torch_where_the_noise_level_is_a_map():
    random = np.random.default_rng(0)
    image, sigma = random.random((1, 1, 41, 83), np.float32), random.random((1, 1, 41, 83), np.float32)
    compare(*pair(Pyramid(), 1), image, sigma / 5)


@pytest.mark.parametrize("flt", [Bilateral(), Pyramid()], ids=str)
def test_results_do_not_depend_on_threads(flt):
    _, predictor = pair(flt, 1)
    image = np.random.default_rng(0).random((1, 1, 300, 700), np.float32)
    results = []
    before = numba.get_num_threads()
    try:
        for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
            numba.set_num_threads(threads)
            results.append(predictor(image))
    finally:
        numba.set_num_threads(before)
    for one, two in zip(results[0], results[-1], strict=True):
        np.testing.assert_array_equal(one, two)


def test_results_do_not_depend_on_the_tile():
    """A part that begins at a multiple of all folds, with enough around it, is predicted as in the whole."""
    _, predictor = pair(Pyramid(), 1)
    image, sigma = np.random.default_rng(0).random((1, 1, 320, 1400), np.float32), np.array([0.1], np.float32)
    whole, part = predictor(image, sigma), predictor(image[..., 80:240, 40:1240].copy(), sigma)
    np.testing.assert_array_equal(whole.sigma_range_0[..., 160:168, 120:1160], part.sigma_range_0[..., 80:88, 80:1120])


def test_denoising_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; import numpy, pkn;"
        "print(pkn.denoise(numpy.ones((20, 30), numpy.float32)).mean())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(out) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 100, 4097, 250_000])
@pytest.mark.parametrize("step", [0, 0.1])
@pytest.mark.parametrize("ordered", [False, True])
def test_median_is_numpys(size, step, ordered):
    values = np.abs(np.random.default_rng(size).standard_normal(size)).astype(np.float32)
    values = np.round(values / step) * step if step else values  # many equal values
    values = np.sort(values) if ordered else values
    assert _median(values) == np.median(values)
