"""The U-Net: published sizes, image sizes, the time as an input, attention, and its file."""

import numpy as np
import pytest
import torch

from pkn.nets.models.unet import UNET_SETTINGS, UNet, UNetSettings, _LinearAttention
from pkn.nets.registry import load_restorer, to_config
from pkn.nets.weights import to_bytes

TINY = UNetSettings(8, 1, width=8, multipliers=(1, 2), expansion=1, window=3, heads=1)


def parameters(settings):
    with torch.device("meta"):
        return sum(values.numel() for values in UNet(settings).parameters())


def test_as_large_as_published():
    assert parameters(UNET_SETTINGS["published"]) == pytest.approx(56.6e6, rel=0.01)


def test_the_small_one_fits_into_four_megabytes():
    assert 2 * parameters(UNET_SETTINGS["small"].for_images(28, 1)) < 4e6  # bytes of float16


@pytest.mark.parametrize(("size", "levels"), [(64, 4), (28, 3), (30, 2), (31, 1)])
def test_levels_that_divide_the_side(size, levels):
    settings = UNET_SETTINGS["published"].for_images(size, 1)
    assert (settings.size, settings.channels, len(settings.multipliers)) == (size, 1, levels)


def test_sizes_that_dont_fit():
    with pytest.raises(ValueError, match="size is 30; expected a multiple of 8 for 4 levels"):
        UNetSettings(30)


@pytest.mark.parametrize("heads", [0, 2])
def test_output_depends_on_the_time_and_on_one_image(heads):
    torch.manual_seed(0)
    net = UNet(UNetSettings(12, 3, width=8, multipliers=(1, 2, 2), heads=heads)).eval()
    x = torch.randn(3, 3, 12, 12)
    with torch.inference_mode():
        both = net(x, torch.tensor([0.1, 0.1, 0.9]))
        assert both.shape == x.shape
        torch.testing.assert_close(net(x[1:2], torch.tensor([0.1]))[0], both[1], rtol=1e-4, atol=1e-5)
        assert float((net(x[2:], torch.tensor([0.1]))[0] - both[2]).abs().max()) > 1e-3


def test_linear_attention_is_that_of_its_formula():
    """Each query takes a mean of values, weighted by exp of keys over all pixels (Shen et al. 2018)."""
    torch.manual_seed(0)
    attention = _LinearAttention(6, heads=2, features=3)
    x = torch.randn(2, 6, 4, 5)
    query, key, value = attention.query_key_value(attention.norm(x)).reshape(2, 3, 2, 3, 20).unbind(1)
    query = torch.exp(query) / torch.exp(query).sum(2, keepdim=True)
    key = torch.exp(key) / torch.exp(key).sum(3, keepdim=True)
    context = torch.einsum("nhfq,nhfp,nhvp->nhvq", query, key, value) / 20
    torch.testing.assert_close(attention(x), attention.mix(context.reshape(2, 6, 4, 5)))


def test_a_file_is_read_with_the_same_output(tmp_path):
    torch.manual_seed(0)
    net = UNet(TINY).eval()
    path = tmp_path / "net.safetensors"
    path.write_bytes(to_bytes(to_config(net), {name: v.numpy() for name, v in net.state_dict().items()}, {}))
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 1, 8, 8), np.float32))
    with torch.inference_mode():
        torch.testing.assert_close(load_restorer(path)(x, torch.rand(2) * 0), net(x, torch.zeros(2)))
