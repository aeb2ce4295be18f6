"""A self-test of an installation: results are held against what is known to be true, not against another run's."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

SIGMA = 25 / 255
SIZE = 128
GAIN = 10.0  # dB; `any-noise` gains 15 (grey) and 13 (RGB) on this picture
LEVEL_ERROR = 0.15  # of the noise level


class Check(NamedTuple):
    """A check's name, whether it is good, and what was found."""

    name: str
    good: bool
    text: str


def checks() -> Iterator[Check]:
    """Check a filter against its formula, and denoised images against the clean one that they were made from."""
    begin = time.perf_counter()
    yield _filter_is_its_formula()
    for channels, colour in ((1, "grey"), (3, "RGB")):
        yield from _denoising(channels, colour)
    yield Check("time", True, f"{time.perf_counter() - begin:.1f} s")


def _filter_is_its_formula() -> Check:
    from pkn.filters import IsotropicGaussian

    size, sigma, radius = 40, 1.5, 5
    image = np.random.default_rng(0).random((size, size), np.float32)
    found = IsotropicGaussian(radius)(image, sigma)
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * sigma**2))
    windows = np.lib.stride_tricks.sliding_window_view(image, weights.shape)
    true = np.einsum("yxij,ij->yx", windows, weights / weights.sum())
    error = float(np.abs(found[radius:-radius, radius:-radius] - true).max())
    return Check("filter", error < 1e-5, f"a Gaussian filter is its formula within {error:.0e}")


def _denoising(channels: int, colour: str) -> Iterator[Check]:
    from pkn.restoration.denoising import predict_maps

    clean = _picture(channels)
    noisy = (clean + np.random.default_rng(1).normal(0, SIGMA, clean.shape)).astype(np.float32)
    axis = -1 if channels > 1 else None
    maps = predict_maps(noisy, channel_axis=axis)
    result = maps.apply(noisy)
    before, after = _psnr(noisy, clean), _psnr(result, clean)
    good = bool(after > before + GAIN)  # False for NaN
    yield Check(f"denoise {colour}", good, f"{before:.1f} dB before, {after:.1f} dB after, at least +{GAIN:g} expected")
    level = float(maps.provenance["sigma"])
    close = abs(level / SIGMA - 1) < LEVEL_ERROR
    yield Check(f"noise {colour}", close, f"level {255 * level:.1f}/255 estimated, {255 * SIGMA:.0f}/255 is true")


def _picture(channels: int) -> Any:
    """A ramp, a disc and a stripe, in [0, 1]."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    grey = 0.2 + 0.4 * x + 0.2 * ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.07) + 0.1 * (np.abs(x - y) < 0.1)
    return grey if channels == 1 else np.stack([grey, grey[::-1], grey[:, ::-1]], -1)


def _psnr(image: Any, clean: Any) -> float:
    """As in pkn.evaluation.metrics, which needs scikit-image."""
    return float(-10 * np.log10(np.mean(np.square(image - clean))))
