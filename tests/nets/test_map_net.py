"""The network in torch: number of parameters, ranges of maps, any image size, alignment with the image."""

import numpy as np
import pytest
import torch

from pkn.filters import FILTERS, Bilateral
from pkn.nets import MapNet, estimate_sigma
from pkn.nets.map_net.architecture import is_guide


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", FILTERS)
def test_every_filter_has_a_network_of_under_20000_parameters(kind, channels):
    net = MapNet(kind(), kind.channels or channels)
    assert net.architecture.parameters == sum(p.numel() for p in net.parameters()) < 20_000
    assert net.architecture.shapes() == {name: tuple(values.shape) for name, values in net.state_dict().items()}


@pytest.mark.parametrize("kind", FILTERS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (31, 37)])
def test_maps_fit_any_image_and_stay_in_range_whatever_the_weights(kind, size):
    torch.manual_seed(0)
    net = MapNet(kind(), kind.channels or 1)
    for p in net.parameters():
        p.data.mul_(50)
    for name, values in net(torch.rand(2, net.channels, *size))._asdict().items():
        limits = net.filter.ranges[name]
        assert values.shape[0] == 2
        assert values.shape[2:] == net.filter.map_size(name, size)
        if is_guide(name):  # consists of linear features, without a range
            continue
        assert values.min() >= limits.low - 1e-5 * abs(limits.low)
        assert values.max() <= limits.high + 1e-5 * abs(limits.high)


def test_maps_are_in_step_with_the_image():
    """A change of one folded block changes maps symmetrically around it; a shift of half a pixel would show."""
    torch.manual_seed(0)
    net, sigma = MapNet(Bilateral(), 1), torch.tensor([0.1])
    image = torch.rand(1, 1, 64, 64)
    bumped = image.clone()
    bumped[..., 32:34, 32:34] = torch.rand(2, 2)
    change = (net(bumped, sigma).sigma_range - net(image, sigma).sigma_range).abs()[0, 0]
    for profile in (change.sum(0), change.sum(1)):
        changed = torch.nonzero(profile).flatten()
        assert changed.min() + changed.max() == 2 * 32 + 1


def test_brightness_changes_no_map():
    torch.manual_seed(0)
    net, sigma = MapNet(Bilateral(), 3), torch.tensor([0.1], dtype=torch.float64)
    image = torch.rand(1, 3, 21, 30, dtype=torch.float64)
    net.double()
    for dark, bright in zip(net(image, sigma), net(image + 5, sigma), strict=True):
        torch.testing.assert_close(dark, bright, rtol=1e-9, atol=0)


@pytest.mark.parametrize("noise_level", [5, 15, 25, 50])
def test_noise_estimate_on_a_smooth_image(noise_level):
    y, x = np.mgrid[:256, :256] / 256
    noisy = 0.3 * np.sin(3 * x + 5 * y) + 0.5 + noise_level / 255 * np.random.default_rng(0).standard_normal((256, 256))
    estimate = estimate_sigma(noisy[None, None])[0] * 255
    assert float(estimate) == pytest.approx(noise_level, rel=0.03)


def test_noise_estimate_does_not_depend_on_the_rest_of_the_batch():
    images = np.random.default_rng(0).random((3, 3, 40, 50)) * np.array([0.1, 0.2, 0.3]).reshape(3, 1, 1, 1)
    assert np.array_equal(estimate_sigma(images)[1:2], estimate_sigma(images[1:2]))
