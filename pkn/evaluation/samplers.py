"""Evaluation of samplers: Fréchet distances, denoising, the spectrum of the drift, nearest training images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from pkn.degradations.mixtures import interpolate
from pkn.evaluation.distribution_metrics import frechet_distance, precision_recall
from pkn.evaluation.features import FeatureSpace
from pkn.io.datasets import ImageSet
from pkn.io.image_file import to_integers
from pkn.io.tensors import to_pictures, to_tensor
from pkn.nets.models.kernel_predicting import KernelPredictingNet
from pkn.restoration.denoising import denoise
from pkn.sampling.kernel_predicting import BATCH, Sampler, last_states

BLUR = 3.0  # px, for reference_distances
MIDDLE = 0.5  # time at which denoising is measured
LOW = 1 / 8  # cycles per pixel: what is called low frequency
NEIGHBOURS = 3  # of each kind, for a sample
SPECTRUM_TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)

Embed = Callable[[np.ndarray], np.ndarray]


def embedder(features: FeatureSpace) -> Embed:
    """Features (N, D) of images (N, H, W, C): uint8, or floats in [0, 1], rounded as a file would round them."""
    return lambda images: features(to_tensor(to_integers(images, np.uint8)))


class Comparison(NamedTuple):
    """Of images with the held-out ones, in a feature space.

    Parameters
    ----------
    distance : float
        Fréchet's.
    precision, recall : float
        See :func:`pkn.evaluation.distribution_metrics.precision_recall`.
    """

    distance: float
    precision: float
    recall: float

    @classmethod
    def of(cls, features: np.ndarray, real: np.ndarray) -> "Comparison":
        return cls(frechet_distance(features, real), *precision_recall(features, real))


def references(images: ImageSet, n: int, embed: Embed, seed: int = 0) -> Iterator[tuple[str, Comparison]]:
    """Comparisons to put others in proportion: with the held-out images, of ``n`` real and degraded images.

    Yields
    ------
    name, comparison
        Of training images, of one half of the data with the other, of blurred training images, and of noise.
    """
    random = np.random.default_rng(seed)
    held_out = embed(images.held_out)
    real = images.training[random.permutation(len(images.training))[:n]]
    yield "training images", Comparison.of(embed(real), held_out)
    halves = np.array_split(random.permutation(len(images.images)), 2)
    yield "one half of the data to the other", Comparison.of(*(embed(images.images[half]) for half in halves))
    blurred = np.stack([gaussian_filter(image.astype(np.float32) / 255, (BLUR, BLUR, 0)) for image in real])
    yield f"training images blurred by {BLUR:g} px", Comparison.of(embed(blurred), held_out)
    noise = 0.5 + 0.5 * random.standard_normal((n, *images.images.shape[1:]), np.float32)
    yield "Gaussian noise", Comparison.of(embed(noise), held_out)


def features_of_samples(net: Sampler, n: int, embed: Embed, **options: Any) -> np.ndarray:
    """Features of ``n`` samples, drawn with options of :func:`pkn.sample`."""
    return np.concatenate([embed(state.predicted) for state in last_states(net, n, **options)])


def distance_of_samples(net: Sampler, images: ImageSet, n: int, embed: Embed, **options: Any) -> float:
    """Fréchet distance of ``n`` samples, drawn with options of :func:`pkn.sample`, to the held-out images."""
    return frechet_distance(features_of_samples(net, n, embed, **options), embed(images.held_out))


def denoising(net: Sampler, images: ImageSet, n: int, seed: int = 0) -> Iterator[tuple[str, float]]:
    """Mean PSNR, dB, of denoisers by name, on held-out images at t = 1/2, where the noise level is 1/2 of [0, 1]."""
    import bm3d

    random = np.random.default_rng(seed)
    clean = to_tensor(images.held_out[:n])
    noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32))
    z = interpolate(clean, noise, MIDDLE)
    given = to_pictures(z / (1 - MIDDLE))  # the image, with white noise
    sigma = MIDDLE / (1 - MIDDLE) / 2
    axis = -1 if given.shape[-1] == 3 else None
    each = [image if axis else image[..., 0] for image in given]
    with torch.inference_mode():
        ours = torch.cat([net(part, torch.full((len(part),), MIDDLE)) for part in torch.split(z, BATCH)])
    results: dict[str, Any] = {
        "noisy": given,
        "sampler's network": to_pictures(ours),
        "pkn.denoise, known noise level": [denoise(image, sigma=sigma, channel_axis=axis) for image in each],
        "pkn.denoise": [denoise(image, channel_axis=axis) for image in each],
        "BM3D": [(bm3d.bm3d_rgb if axis else bm3d.bm3d)(image.astype(np.float64), sigma) for image in each],
    }
    truth = to_pictures(clean)
    for name, denoised in results.items():
        errors = np.square(np.clip(np.stack(list(denoised)), 0, 1).reshape(truth.shape) - truth).mean((1, 2, 3))
        yield name, float(-10 * np.log10(errors).mean())


def drift_spectrum(net: KernelPredictingNet, images: ImageSet, n: int, seed: int = 0) -> Iterator[tuple[float, Any]]:
    """For some times t: the energy of the drift over that of the filtered image, and the low-frequency shares."""
    random = np.random.default_rng(seed)
    clean = to_tensor(images.held_out[:n])
    noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32))
    for t in SPECTRUM_TIMES:
        z = interpolate(clean, noise, t)
        with torch.inference_mode():
            maps = net.predict(z, torch.full((len(z),), t))
            filtered = net.apply(z, maps._replace(drift=None))
        assert maps.drift is not None
        share = float(maps.drift.square().mean() / filtered.square().mean())
        yield t, (share, low_share(maps.drift), low_share(filtered))


def low_share(image: Tensor) -> float:
    """Share of the energy of images (N, C, H, W), without their mean, that lies below ``LOW`` cycles per pixel."""
    energy = torch.fft.fft2(image.double()).abs().square().sum((0, 1))
    energy[0, 0] = 0
    radius = torch.hypot(*torch.meshgrid(*(torch.fft.fftfreq(side) for side in energy.shape), indexing="ij"))
    return float(energy[radius < LOW].sum() / energy.sum())


def neighbours(samples: np.ndarray, images: ImageSet, embed: Embed) -> np.ndarray:
    """Images for a grid: in each row a sample, its nearest training images by pixels, and those by features."""
    training = images.training
    pairs = [(samples.reshape(len(samples), -1), (training / np.float32(255)).reshape(len(training), -1))]
    pairs.append((embed(samples), embed(training)))
    orders = [np.argsort(_squares(*pair), 1)[:, :NEIGHBOURS] for pair in pairs]
    near = [training[order] for order in orders]
    rows = np.concatenate([to_integers(samples, np.uint8)[:, None], *near], 1)
    return rows.reshape(-1, *rows.shape[2:])


def steps_and_quality(
    net: Sampler, images: ImageSet, n: int, embed: Embed, steps: Mapping[str, Sequence[int]], **options: Any
) -> Iterator[tuple[str, int, float]]:
    """Solvers, numbers of steps and Fréchet distances; ``steps`` has the numbers to try by the name of the solver."""
    for solver, numbers in steps.items():
        for number in numbers:
            options |= {"solver": solver, "steps": number}
            yield solver, number, distance_of_samples(net, images, n, embed, rng=0, **options)


def _squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances (N, M) of rows (N, D) and (M, D)."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares: np.ndarray = np.square(a).sum(1)[:, None] - 2 * a @ b.T + np.square(b).sum(1)
    return squares
