"""Tiles: bit-identical to the whole image, for any size and position."""

from dataclasses import replace

import numpy as np
import pytest

import pkn
from pkn.filters import AnisotropicUpsampling
from pkn.nets import Predictor
from pkn.nets.map_net import tiling
from pkn.nets.map_net.tiling import Told
from pkn.pretrained import bundled_names, find_net
from pkn.restoration.planes import filter_planes

TWO_PASSES = Predictor(
    architecture := replace(find_net("pyramid", 1).architecture, passes=2),
    {
        name: np.random.default_rng(0).normal(0, 0.1, shape).astype(np.float32)
        for name, shape in architecture.shapes().items()
    },
)
NETS = [name for name in bundled_names() if not isinstance(find_net(name, 1).filter, AnisotropicUpsampling)]
NETS = [*NETS, pytest.param(TWO_PASSES, id="two passes")]


@pytest.mark.filterwarnings("ignore:net is 'reblur', which sharpens")
@pytest.mark.parametrize("side", [32, 96, 1024])
@pytest.mark.parametrize("net", NETS)
def test_tiles_are_bit_identical_to_the_whole(net, side, monkeypatch):
    monkeypatch.setattr(tiling, "TILE", side)
    image = np.random.default_rng(0).random((131, 170), np.float32)
    for strength in (1, 0.3):
        wanted = pkn.predict_maps(image, net, strength=strength).apply(image)
        np.testing.assert_array_equal(pkn.denoise(image, net, strength=strength), wanted)


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (61, 2), (64, 64)])
def test_small_and_colour_images(shape, monkeypatch):
    monkeypatch.setattr(tiling, "TILE", 32)
    random = np.random.default_rng(1)
    for image, axis in ((random.random(shape, np.float32), None), (random.random((3, *shape), np.float32), 0)):
        wanted = pkn.predict_maps(image, channel_axis=axis).apply(image)
        np.testing.assert_array_equal(pkn.denoise(image, channel_axis=axis), wanted)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16])
def test_dtypes(dtype):
    image = np.random.default_rng(2).random((40, 50, 3)) * (
        np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    )
    image = image.astype(dtype)
    for wanted in ("same", None):
        out = pkn.denoise(image, channel_axis=-1, dtype=wanted)
        np.testing.assert_array_equal(out, pkn.predict_maps(image, channel_axis=-1).apply(image, dtype=wanted))
        assert out.dtype == (dtype if wanted else np.float32)


@pytest.mark.parametrize("net", NETS)
def test_a_part_with_its_halo_is_as_in_the_whole(net):
    network = find_net(net, 1)
    step, around = tiling.alignment(network), tiling.halo(network)
    image = np.random.default_rng(3).random((step + 2 * around, 2 * step + 2 * around + 40), np.float32)
    told = Told(np.array([0.1], np.float32))

    def denoised(planes):
        out = np.empty_like(planes)
        filter_planes(planes, out, network, 1.0, told)
        return out[0]

    row, column = around + step, around + 2 * step
    whole, part = denoised(image[None]), denoised(image[None, row - around :, column - around :])
    np.testing.assert_array_equal(part[around:, around:], whole[row:, column:])
    part = denoised(image[None, : step + around, : step + around])
    np.testing.assert_array_equal(part[:step, :step], whole[:step, :step])
