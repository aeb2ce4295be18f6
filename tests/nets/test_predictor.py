"""Prediction without torch agrees with torch, and is bit-identical for any threads and tiles."""

import subprocess
import sys
from dataclasses import replace

import numba
import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, uniform_filter

from pkn.filters import FILTERS, Bilateral, LumaChromaPyramid, Pyramid
from pkn.filters.engine.pyramid_levels import halve
from pkn.nets import Architecture, MapNet, NoiseCurve, NoiseMap, Predictor
from pkn.nets.map_net import layers
from pkn.nets.map_net.network import weights_of
from pkn.nets.map_net.predictor import planes_of


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


@pytest.mark.parametrize("size", [(1, 1), (37, 150)])
@pytest.mark.parametrize("flt", [Pyramid(), Pyramid(levels=1), LumaChromaPyramid(levels=2)], ids=str)
def test_agrees_with_torch_in_a_second_pass(flt, size):
    channels = flt.channels or 1
    image = np.random.default_rng(0).random((1, channels, *size), np.float32)
    compare(*pair(flt, channels, passes=2), image, np.array([0.05], np.float32))


def test_the_second_guide_is_made_of_the_first_result_and_the_image():
    """On the only level of a pyramid, against the sums written out."""
    _, predictor = pair(Pyramid(levels=1), 1, passes=2)
    image, noise = np.random.default_rng(0).random((1, 1, 40, 50), np.float32), np.array([0.1], np.float32)
    first = Pyramid(radius=3, levels=1).forward(image, predictor.first(image, noise), keep=False)[0]
    weights = predictor.weights["second.features.guide_0.weight"].astype(np.float64)
    wanted = [sum(map(correlated, (first[0, 0], image[0, 0]), kernels)) for kernels in weights]
    np.testing.assert_allclose(predictor(image, noise).guide_0[0], wanted, atol=1e-5)


def test_the_second_guide_of_chroma_is_made_of_both_first_results():
    flt = LumaChromaPyramid(levels=1)
    _, predictor = pair(flt, 3, passes=2)
    image, noise = np.random.default_rng(0).random((1, 3, 40, 50), np.float32), np.array([0.1], np.float32)
    parts = [replace(part.pyramid, radius=3) for part in flt.parts]
    whole, maps = planes_of(flt, image[0])[None], predictor.first(image, noise)
    images = [np.ascontiguousarray(whole[:, :1]), halve(np.ascontiguousarray(whole[0, 1:]))[None]]
    results = []
    for part, own, planes in zip(flt.parts, parts, images, strict=True):
        named = {name: getattr(maps, part.full(name)) for name in own.ranges}
        results.append(own.filter_level(part.lag, planes, named, None)[0][0])
    seen = [*results[1], halve(results[0])[0]]
    weights = predictor.weights["second.features.chroma_guide_1.weight"].astype(np.float64)
    wanted = [sum(map(correlated, seen, kernels)) for kernels in weights]
    np.testing.assert_allclose(predictor(image, noise).chroma_guide_1[0], wanted, atol=1e-5)


def correlated(plane, kernel):
    return correlate(plane.astype(np.float64), kernel, mode="nearest")


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


@pytest.mark.parametrize("flt", [Bilateral(), Pyramid()], ids=str)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_results_do_not_depend_on_rows_that_are_kept(flt, depth, monkeypatch):
    """Layers go down a strip a few rows at a time, and keep the last rows of what the next layer needs."""
    _, predictor = pair(flt, 1, depth=depth)
    image = np.random.default_rng(0).random((1, 1, 300, 90), np.float32)
    results = []
    for rows, strip in ((32, 256), (8, 256), (12, 128), (1000, 1000)):
        monkeypatch.setattr(layers, "TILE", (rows, layers.TILE[1]))
        monkeypatch.setattr(layers, "STRIP", strip)
        results.append(predictor(image))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_results_do_not_depend_on_the_tile():
    """A part that begins at a multiple of all folds, with enough around it, is predicted as in the whole."""
    _, predictor = pair(Pyramid(), 1)
    image, sigma = np.random.default_rng(0).random((1, 1, 480, 1400), np.float32), np.array([0.1], np.float32)
    whole, part = predictor(image, sigma), predictor(image[..., 32:448, 40:1240].copy(), sigma)
    np.testing.assert_array_equal(
        whole.sigma_range_0[..., 224:256, 120:1160], part.sigma_range_0[..., 192:224, 80:1120]
    )


def test_denoising_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None; import numpy, pkn;"
        "print(pkn.denoise(numpy.ones((20, 30), numpy.float32)).mean())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(out) == 1


def test_denoising_loads_little_of_scipy():  # each took a sixth of a short process
    """Neither of noise alone, nor of a photograph with clipped and with constant parts."""
    code = (
        "import sys, numpy, pkn; image = numpy.random.default_rng(0).random((64, 80), numpy.float32);"
        "image[:20] = 0.5; image[30:40, :20] = 1; pkn.denoise(image);"
        "print({'scipy.ndimage', 'scipy.linalg'} & sys.modules.keys())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "set()"


def test_functions_of_others_have_linear_algebra():
    """Which isn't looked for when kernels are loaded."""
    code = (
        "import numba, numpy as np, pkn; pkn.denoise(np.ones((20, 30), np.float32)); a = np.array([[3.0, 1], [1, 2]]);"
        "print(numba.njit(lambda a: np.linalg.inv(a) @ a + np.cov(a))(a).round(6).tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str((np.eye(2) + np.cov([[3.0, 1], [1, 2]])).tolist())


@pytest.mark.parametrize("size", [(1, 1), (9, 14), (130, 75)])
@pytest.mark.parametrize("level", [0, 1])
def test_noise_levels_are_looked_up_at_smoothed_intensities(size, level):
    """Means of 2 x 2 pixels, of 3 x 3 of those, and a line from knot to knot, for luma and for coarser chroma."""
    architecture = Architecture(LumaChromaPyramid(), 3, noise="profile")
    random = np.random.default_rng(0)
    curve = NoiseCurve(np.sort(random.random(5)), random.random((7, 2, 5)))
    luma = random.random(size).astype(np.float32)
    folded = np.pad(luma, [(0, side % 2) for side in size], mode="edge").astype(np.float64)
    means = folded.reshape(folded.shape[0] // 2, 2, -1, 2).mean((1, 3))
    smooth = uniform_filter(means, 3, mode="nearest")
    wanted = [np.interp(smooth, curve.intensity, curve.sigma[level + part, part]) for part in (0, 1)]
    np.testing.assert_allclose(curve.at(architecture, level, luma), wanted, rtol=1e-5)


def test_a_noise_level_at_each_pixel_is_averaged_over_blocks():
    architecture = Architecture(Pyramid(), 1, noise="profile")
    sigma = np.arange(64.0).reshape(8, 8)
    found = NoiseMap(sigma, rgb=False).at(architecture, 1, np.zeros((4, 4)))
    np.testing.assert_allclose(found[0], sigma.reshape(2, 4, 2, 4).mean((1, 3)) / 2)
