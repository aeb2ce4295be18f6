"""Evaluation of samplers: distances in order, spectra of known waves, nearest neighbours."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pkn.evaluation.features import squeezenet_features
from pkn.evaluation.samplers import embedder, low_share, neighbours, reference_distances
from pkn.io.datasets import ImageSet
from pkn.nets.models.squeezenet import SqueezeNet


@pytest.fixture
def squeezenet(tmp_path):
    torch.manual_seed(0)
    net = SqueezeNet()
    path = tmp_path / "squeezenet.npz"
    np.savez(path, **{name: values.numpy() for name, values in net.state_dict().items()})
    return path


def test_reference_distances_are_in_order(squeezenet):
    random = np.random.default_rng(0)
    smooth = gaussian_filter(random.random((200, 24, 24, 3)), (0, 1, 1, 0))
    images = ImageSet((255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8))
    distances = dict(reference_distances(images, 100, embedder(squeezenet_features(squeezenet))))
    assert 0 < distances["training images"] < distances["training images blurred by 3 px"] < distances["Gaussian noise"]


def test_low_share_of_waves():
    x = torch.arange(32) / 32
    slow, fast = torch.sin(2 * torch.pi * 2 * x), torch.sin(2 * torch.pi * 10 * x)
    both = (3 * slow + fast + 7).expand(1, 1, 32, 32)
    assert low_share(both) == pytest.approx(0.9)


def test_a_copy_is_its_own_nearest_neighbour(squeezenet):
    images = ImageSet(np.random.default_rng(0).integers(0, 256, (20, 24, 24, 3), np.uint8))
    copies = images.training[[3, 8]] / np.float32(255)
    rows = neighbours(copies, images, embedder(squeezenet_features(squeezenet))).reshape(2, 7, 24, 24, 3)
    np.testing.assert_array_equal(rows[:, 0], rows[:, 1])
    np.testing.assert_array_equal(rows[:, 0], rows[:, 4])
