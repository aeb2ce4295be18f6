"""Measuring intervals on images whose truth is known."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pkn.evidence.deviations import DRAWS, Uncertainty, uncertainty
from pkn.evidence.intervals import COVERAGES, Intervals
from pkn.evidence.quantiles_of_groups import hierarchical_quantiles
from pkn.evidence.regions import KINDS

LEVELS = (5 / 255, 10 / 255, 20 / 255, 35 / 255, 50 / 255)
ENOUGH = 100  # values: with fewer of a kind an image says nothing of it
NEAR = 0.4  # images count for factors of other levels by a Gaussian of this width in the levels' logarithm


def measure_intervals(
    images: Iterable[np.ndarray],
    net: Any,
    *,
    levels: Sequence[float] = LEVELS,
    draws: int = DRAWS,
    rng: Any = None,
    about: str = "",
    callback: Callable[[int, int, dict[str, Any]], object] = lambda *_: None,
) -> Intervals:
    """The factors that intervals need to hold the truth of images like these, in white noise.

    Parameters
    ----------
    images : sequence of arrays of shape (H, W) or (H, W, 3)
        Clean, in [0, 1], in any order; none that the intervals are to be tested on.
    net, draws
        As in :func:`pkn.uncertainty`. The noise level is estimated, as for users who don't know it.
    rng : None, int, Generator or list of Generator
        As there, or one for each image.
    levels : sequence of float
        Noise levels, increasing. Each image has one of them, in turn: images differ more than levels do.
    about : str
        Where the images come from, for the record.
    callback : callable
        ``callback(done, total, {})``.

    Returns
    -------
    Intervals

    Raises
    ------
    ValueError
        If there are fewer images than levels, or no image has enough pixels of one of the kinds.
    """
    images = list(images)
    randoms = rng if isinstance(rng, list) else [np.random.default_rng(rng)] * len(images)
    scores = []
    for index, (clean, random) in enumerate(zip(images, randoms, strict=True)):
        noisy = clean + levels[index % len(levels)] * random.standard_normal(clean.shape).astype(np.float32)
        found = uncertainty(noisy, net, channel_axis=None if clean.ndim == 2 else -1, draws=draws, rng=random)
        scores.append(ImageScores.of(found, clean))
        callback(index + 1, len(images), {})
    return intervals_of(scores, len(levels), about)


class ImageScores(NamedTuple):
    """How far an image's truth was, in units of the expected error.

    Parameters
    ----------
    level : float
        The noise level over the contrast.
    kinds : list of arrays
        Scores of the pixels of each kind of region.
    """

    level: float
    kinds: list[np.ndarray]

    @classmethod
    def of(cls, found: Uncertainty, clean: np.ndarray) -> "ImageScores":
        """Of a denoised image and its truth."""
        score = np.abs(found.result - clean) / found.expected_error
        kinds = [score[found.kinds == kind].ravel() for kind in range(len(KINDS))]
        return cls(found.noise_level / found.contrast, kinds)


def intervals_of(scores: Sequence[ImageScores], levels: int, about: str = "") -> Intervals:
    """Factors at so many levels, from images that had the levels in turn; raises as :func:`measure_intervals`."""
    if len(scores) < levels:
        raise ValueError(f"images are {len(scores)}; expected at least {levels}, one for each level")
    at = np.array([each.level for each in scores])
    nodes = [float(np.median(at[number::levels])) for number in range(levels)]
    table = []
    for node in nodes:
        weights = np.exp(-0.5 * (np.log(at / node) / NEAR) ** 2)
        rows = []
        for kind, name in enumerate(KINDS):
            chosen = [number for number, each in enumerate(scores) if each.kinds[kind].size >= ENOUGH]
            if not chosen or not weights[chosen].sum() > 0:
                raise ValueError(f"images have too few pixels of the kind {name!r}; expected photographs of all kinds")
            groups = [scores[number].kinds[kind] for number in chosen]
            rows.append(tuple(hierarchical_quantiles(groups, COVERAGES, weights[chosen]).tolist()))
        table.append(tuple(rows))
    return Intervals(tuple(nodes), tuple(table), about)
