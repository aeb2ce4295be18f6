"""Evaluation of samplers: distances in order, spectra of known waves, nearest neighbours."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pkn.evaluation.features import random_features, squeezenet_features
from pkn.evaluation.samplers import embedder, low_share, neighbours, references
from pkn.io.datasets import ImageSet
from pkn.nets.models.squeezenet import SqueezeNet


@pytest.fixture
def squeezenet(tmp_path):
    torch.manual_seed(0)
    net = SqueezeNet()
    path = tmp_path / "squeezenet.npz"
    np.savez(path, **{name: values.numpy() for name, values in net.state_dict().items()})
    return path


@pytest.mark.parametrize("judge", ["squeezenet", "random"])
def test_references_are_in_order(squeezenet, judge):
    space = squeezenet_features(squeezenet) if judge == "squeezenet" else random_features()
    random = np.random.default_rng(0)
    smooth = gaussian_filter(random.random((200, 24, 24, 3)), (0, 1, 1, 0))
    images = ImageSet((255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8))
    found = dict(references(images, 100, embedder(space)))
    real, blurred, noise = (
        found[name] for name in ("training images", "training images blurred by 3 px", "Gaussian noise")
    )
    assert 0 < real.distance < blurred.distance < noise.distance
    assert real.precision > 0.7 > noise.precision
    assert real.recall > 0.7 > noise.recall


def test_the_random_judge_is_always_the_same_and_leaves_the_generator_alone():
    image = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(5)
    first, drawn = random_features()(image), torch.rand(3)
    torch.manual_seed(5)
    torch.testing.assert_close(drawn, torch.rand(3))
    np.testing.assert_array_equal(first, random_features()(image))


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
