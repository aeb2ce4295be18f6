"""Gains of one way to denoise over another, estimated without the clean image, and whether they are certain."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t

from pkn.evidence.chain import DenoisingChain
from pkn.evidence.risk import block_means, stein_errors
from pkn.restoration.denoising import denoise

MOST_PAIRS = 6  # of frames
BLOCK = 32  # px
CERTAIN = 0.977  # probability that a gain is above 0: two standard errors, where there are many blocks
Settings = dict[str, Any]  # net, strength, sigma and noise of pkn.denoise
Errors = Callable[[Settings], tuple[np.ndarray, float]]  # estimates of errors (H, W), and the doubt about their mean


class Gain(NamedTuple):
    """A fall of the mean squared error, on the half of the image that wasn't chosen by.

    Parameters
    ----------
    mean : float
        In squared image values.
    standard_error : float
    blocks : int
        That it was estimated from.
    """

    mean: float
    standard_error: float
    blocks: int

    @property
    def certain(self) -> bool:
        return bool(self.blocks > 1 and self.mean > t.ppf(CERTAIN, self.blocks - 1) * self.standard_error)


def errors_by_frames(frames: np.ndarray, colour: bool) -> Errors:
    """Squared differences of denoised frames (N, C, H, W) from the frames after them."""
    first = np.unique(np.linspace(0, len(frames) - 2, MOST_PAIRS).astype(int))

    def errors(settings: Settings) -> tuple[np.ndarray, float]:
        axis: Settings = {"channel_axis": 0} if colour else {}
        results = (denoise(frames[n] if colour else frames[n, 0], **settings, **axis) for n in first)
        squares = [np.square(result - frames[n + 1]) for n, result in zip(first, results, strict=True)]
        return np.mean(squares, axis=(0, 1)), 0.0

    return errors


def errors_by_stein(image: Any, channel_axis: int | None, rng: Any) -> Errors:
    """Stein's estimates for an image whose noise is told, by the same probes for all settings."""
    seed = int(np.random.default_rng(rng).integers(2**31))
    return lambda settings: stein_errors(DenoisingChain.of(image, channel_axis=channel_axis, **settings), seed)


def chosen_by(size: tuple[int, ...]) -> np.ndarray:
    """The half of an image that is chosen and trained by: blocks like the dark ones of a chessboard; (H, W), bool."""
    return np.asarray((np.indices(size) // BLOCK).sum(0) % 2 == 0)


def compared(before: tuple[np.ndarray, float], after: tuple[np.ndarray, float]) -> tuple[float, Gain]:
    """The gain on the half that is chosen by, and that on the other."""
    gains = before[0] - after[0]
    half = chosen_by(gains.shape)
    blocks = block_means(np.where(half, np.nan, gains), BLOCK)
    spread = blocks.std(ddof=1) / np.sqrt(blocks.size) if blocks.size > 1 else np.inf
    doubt = float(spread + abs(after[1] - before[1]))
    return float(gains[half].mean()), Gain(float(gains[~half].mean()), doubt, blocks.size)
