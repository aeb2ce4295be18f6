"""Measuring intervals on images whose truth is known."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pkn.evidence.deviations import DRAWS, uncertainty
from pkn.evidence.intervals import COVERAGES, Intervals
from pkn.evidence.regions import KINDS

LEVELS = (5 / 255, 10 / 255, 20 / 255, 35 / 255, 50 / 255)


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
    """The factors that intervals need to hold the truth of these images, in white noise.

    Parameters
    ----------
    images : sequence of arrays of shape (H, W) or (H, W, 3)
        Clean, in [0, 1]; none that the intervals are to be tested on.
    net, draws, rng
        As in :func:`pkn.uncertainty`. The noise level is estimated, as for users who don't know it.
    levels : sequence of float
        Noise levels, increasing.
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
        If no pixel is of one of the kinds.
    """
    random, images = np.random.default_rng(rng), list(images)
    table, ratios = [], []
    for number, level in enumerate(levels):
        scores: list[list[np.ndarray]] = [[] for _ in KINDS]
        relative = []
        for index, clean in enumerate(images):
            noisy = clean + level * random.standard_normal(clean.shape).astype(np.float32)
            found = uncertainty(noisy, net, channel_axis=None if clean.ndim == 2 else -1, draws=draws, rng=random)
            score = np.abs(found.result - clean) / found.expected_error
            relative.append(found.noise_level / found.contrast)
            for kind, kept in enumerate(scores):
                kept.append(score[found.kinds == kind].ravel())
            callback(number * len(images) + index + 1, len(levels) * len(images), {})
        joined = [np.concatenate(kept) for kept in scores]
        if not all(kept.size for kept in joined):
            raise ValueError(f"images have no pixels of one of the kinds {KINDS}; expected photographs of all kinds")
        table.append(tuple(tuple(np.quantile(kept, COVERAGES).tolist()) for kept in joined))
        ratios.append(float(np.median(relative)))
    return Intervals(tuple(ratios), tuple(table), about)
