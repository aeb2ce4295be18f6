"""Features for Fréchet distances: of a classifier trained now, of SqueezeNet, trained or not, or of Inception."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pkn.evaluation.classifier import accuracy, train_classifier
from pkn.io.datasets import ImageSet, read_labels
from pkn.nets.models.squeezenet import SqueezeNet, load_squeezenet
from pkn.sampling.batching import Callback, silent
from pkn.version import missing

BATCH = 250
Embed = Callable[[Tensor], np.ndarray]


class FeatureSpace:
    """Features (N, D) of images (N, C, H, W) in [-1, 1]; ``name`` says which."""

    def __init__(self, name: str, network: Callable[[Tensor], Tensor]) -> None:
        self.name, self._network = name, network

    def __call__(self, images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate([self._network(part).float().numpy() for part in torch.split(images, BATCH)])


def find_features(which: str, data: Path, images: ImageSet, callback: Callback = silent) -> FeatureSpace:
    """The feature space of a name.

    Parameters
    ----------
    which : str
        "classifier", "random", or a file of the weights of SqueezeNet (``.npz``) or of Inception (``.pth``).
    data : Path
        For the classifier: a set with labels.
    images : ImageSet
        The same set, as it was read.
    callback : callable
        ``callback(step, steps, {})`` is called after each step of the classifier's training.

    Raises
    ------
    ValueError
        If ``which`` is none of these, or the file is damaged.
    FileNotFoundError
    """
    kinds = {".npz": squeezenet_features, ".pth": inception_features}
    if which == "classifier":
        return classifier_features(images, data, callback)
    if which == "random":
        return random_features()
    if (suffix := Path(which).suffix) not in kinds:
        raise ValueError(f"features is {which!r}; expected classifier, random, or a path that ends in .npz or .pth")
    return kinds[suffix](Path(which))


def classifier_features(images: ImageSet, data: Path, callback: Callback = silent) -> FeatureSpace:
    """Features of a classifier that is trained now on ``data``; distances of other classifiers aren't comparable.

    Raises
    ------
    ValueError
        If the set has no labels or no test images.
    """
    labels, test_labels = read_labels(data)
    if images.test is None:
        raise ValueError(f"'{data}' has no array test_images; expected one beside test_labels")
    for name, own, part in (("train", labels, images.images), ("test", test_labels, images.test)):
        if len(own) != len(part):
            raise ValueError(f"'{data}' has {len(own)} {name}_labels for {len(part)} {name}_images; expected as many")
    net = train_classifier(images.images, labels, callback=callback)
    share = accuracy(net, images.test, test_labels)
    return FeatureSpace(f"a classifier trained in this run ({100 * share:.1f} % right on test images)", net.embed)


def squeezenet_features(path: Path) -> FeatureSpace:
    """Features of SqueezeNet 1.1, from an ``.npz`` of its weights: the last layer's mean over all positions."""
    return _of_squeezenet("SqueezeNet", load_squeezenet(path))


def random_features(seed: int = 0) -> FeatureSpace:
    """Features of a SqueezeNet 1.1 that was never trained: a judge that no loss can have seen."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = SqueezeNet().eval()
        for part in backbone.modules():
            if isinstance(part, nn.Conv2d):  # features fade away with torch's own initial weights
                nn.init.kaiming_normal_(part.weight)
    return _of_squeezenet(f"a SqueezeNet with random weights (seed {seed})", backbone)


def _of_squeezenet(name: str, backbone: SqueezeNet) -> FeatureSpace:
    return FeatureSpace(name, lambda images: backbone.embed(images.expand(-1, 3, -1, -1)))


def inception_features(weights: Path) -> FeatureSpace:
    """Features of the Inception network that defines FID (Heusel et al. 2017), by torch-fidelity.

    Raises
    ------
    ValueError
        If torch-fidelity isn't installed, or can't read the file.
    """
    if not find_spec("torch_fidelity"):
        raise ValueError(missing("torch-fidelity", "FID", "fid"))
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
