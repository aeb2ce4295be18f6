"""Features for Fréchet distances: the classifier, Inception by torch-fidelity, and errors."""

import importlib.machinery
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch

from pkn.evaluation.classifier import accuracy, train_classifier
from pkn.evaluation.features import find_features
from pkn.io.datasets import ImageSet, read_labels, read_set
from pkn.io.tensors import to_tensor


def bars(number=60, seed=0):
    """Horizontal and vertical bars somewhere in squares of 12 px, and which of the two they are."""
    random = np.random.default_rng(seed)
    images = np.full((number, 12, 12, 1), 20, np.uint8)
    places = random.integers(0, 10, number)
    for image, place, upright in zip(images, places, np.arange(number) % 2, strict=True):
        image[(slice(None), slice(place, place + 2)) if upright else slice(place, place + 2)] = 230
    return images, np.arange(number) % 2


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "mnist-bars.npz"
    images, labels = bars(400)
    test, test_labels = bars(60, seed=1)
    np.savez(path, train_images=images, train_labels=labels, test_images=test, test_labels=test_labels)
    return path


def test_a_classifier_learns_the_labels(data):
    images = read_set(data, channels=1)
    assert len(images.training) == 400  # a set with test images of its own keeps none back
    labels, test_labels = read_labels(data)
    net = train_classifier(images.images, labels, epochs=12)
    assert accuracy(net, images.test, test_labels) > 0.95
    space = find_features("classifier", data, images)
    assert space(to_tensor(images.test)).shape == (60, 64)


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [("net.pt", ValueError, "ends in .npz or .pth"), ("missing.npz", FileNotFoundError, "missing")],
)
def test_features_that_arent_there(tmp_path, data, which, error, message):
    with pytest.raises(error, match=message):
        find_features(str(tmp_path / which), data, ImageSet(bars()[0]))


def test_labels_that_arent_there(tmp_path):
    np.savez(tmp_path / "plain.npz", train_images=bars()[0])
    with pytest.raises(ValueError, match="has no arrays train_labels and test_labels"):
        read_labels(tmp_path / "plain.npz")


class FakeInception(torch.nn.Module):
    """Takes what torch-fidelity's Inception takes, and refuses what that refuses."""

    def __init__(self, name, features_list, feature_extractor_weights_path):
        super().__init__()
        assert features_list == ["2048"]
        self.train()
        self.load_state_dict(torch.load(feature_extractor_weights_path, weights_only=True))

    def forward(self, images):
        assert not self.training
        assert images.dtype == torch.uint8
        assert images.shape[1] == 3
        return (images.float().mean((2, 3)),)


def test_fid_is_taken_through_torch_fidelity(tmp_path, monkeypatch, data):
    """Its weights can't be had everywhere: the network is a stand-in, what it is given isn't."""
    module = types.ModuleType("torch_fidelity")
    inner = types.ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    inner.FeatureExtractorInceptionV3 = FakeInception
    module.__spec__ = importlib.machinery.ModuleSpec("torch_fidelity", None)
    monkeypatch.setitem(sys.modules, "torch_fidelity", module)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", inner)
    weights = tmp_path / "inception.pth"
    torch.save({}, weights)
    space = find_features(str(weights), data, ImageSet(bars()[0]))
    assert "FID" in space.name
    features = space(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 4, 4))
    np.testing.assert_allclose(features, [[0] * 3, [255] * 3])
    weights.write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"cannot load .* as weights of FID's Inception"):
        find_features(str(weights), data, ImageSet(bars()[0]))


@pytest.mark.skipif(importlib.util.find_spec("torch_fidelity") is not None, reason="torch-fidelity is installed")
def test_fid_says_what_it_needs(tmp_path, data):
    with pytest.raises(ValueError, match=r"torch-fidelity isn't installed; .* pip install 'procedural-kernels\[fid\]'"):
        find_features(str(tmp_path / "inception.pth"), data, ImageSet(bars()[0]))


def test_labels_of_other_images(tmp_path, data):
    images, labels = bars(40)
    path = tmp_path / "other.npz"
    np.savez(path, train_images=images, train_labels=labels[:9], test_images=images, test_labels=labels)
    with pytest.raises(ValueError, match="has 9 train_labels for 40 train_images; expected as many"):
        find_features("classifier", path, read_set(path, channels=1))
