"""Where Fréchet distances are taken: features of a classifier trained in the run, of SqueezeNet, or of Inception."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pkn.evaluation.classifier import accuracy, train_classifier
from pkn.io.datasets import ImageSet, read_labels
from pkn.nets.models.squeezenet import load_squeezenet

BATCH = 250
Embed = Callable[[Tensor], np.ndarray]


class FeatureSpace:
    """Features (N, D) of images (N, C, H, W) in [-1, 1]; ``name`` says which."""

    def __init__(self, name: str, network: Callable[[Tensor], Tensor]) -> None:
        self.name, self._network = name, network

    def __call__(self, images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate([self._network(part).float().numpy() for part in torch.split(images, BATCH)])


def find_features(which: str, data: Path, images: ImageSet, told: Callable[[int, int], None]) -> FeatureSpace:
    """``"classifier"``, or a file of SqueezeNet's (``.npz``) or of Inception's weights (``.pth``).

    Parameters
    ----------
    data, images
        A set with labels, as path and as read: for the classifier.
    told : callable
        ``told(step, of)`` hears how far its training is.

    Raises
    ------
    ValueError
        If it is none of these, or damaged.
    FileNotFoundError
    """
    kinds = {".npz": squeezenet_features, ".pth": inception_features}
    if which == "classifier":
        return classifier_features(images, data, told)
    if (suffix := Path(which).suffix) not in kinds:
        raise ValueError(f"features are {which!r}; expected classifier, or a path that ends in .npz or .pth")
    return kinds[suffix](Path(which))


def classifier_features(images: ImageSet, data: Path, told: Callable[[int, int], None]) -> FeatureSpace:
    """Of a classifier that learns the labels of ``data`` now; no other classifier's are comparable.

    Raises
    ------
    ValueError
        If the set has no labels or no test images.
    """
    labels, test_labels = read_labels(data)
    if images.test is None:
        raise ValueError(f"'{data}' has no array test_images; expected one beside test_labels")
    for name, found, wanted in (("train", labels, images.images), ("test", test_labels, images.test)):
        if len(found) != len(wanted):
            raise ValueError(
                f"'{data}' has {len(found)} {name}_labels for {len(wanted)} {name}_images; expected as many"
            )
    net = train_classifier(images.images, labels, told=told)
    share = accuracy(net, images.test, test_labels)
    return FeatureSpace(f"a classifier trained in this run ({100 * share:.1f} % right on test images)", net.embed)


def squeezenet_features(path: Path) -> FeatureSpace:
    """Of SqueezeNet 1.1, from an ``.npz`` of its weights: the mean over the last layer's positions."""
    backbone = load_squeezenet(path)
    return FeatureSpace("SqueezeNet", lambda images: backbone.embed(images.expand(-1, 3, -1, -1)))


def inception_features(weights: Path) -> FeatureSpace:
    """Of the Inception network that FID is defined by (Heusel et al. 2017), through torch-fidelity.

    Raises
    ------
    ValueError
        If torch-fidelity isn't installed, or can't read the file.
    """
    if not find_spec("torch_fidelity"):
        raise ValueError("torch-fidelity isn't installed; expected it for FID: pip install 'pkn[fid]'")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        torch.load(weights, weights_only=True, map_location="cpu")  # torch-fidelity itself would run code that is in it
        network: Any = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(weights))
    except (RuntimeError, KeyError, EOFError, UnpicklingError) as error:
        raise ValueError(f"cannot load '{weights}' as weights of FID's Inception: {error}") from None

    network.eval()  # version 0.3 leaves that to its caller

    def embed(images: Tensor) -> Tensor:
        integers = ((images.expand(-1, 3, -1, -1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        features: Tensor = network(integers)[0]
        return features

    return FeatureSpace("Inception: the distance is FID", embed)
