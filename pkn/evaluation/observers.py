"""Model observers: what is still detected of a signal that is known exactly, asked whether it is there.

In white noise the ideal observer matches the signal as a template; of processed images it is approached by a Hotelling
observer on a few channels (Barrett and Myers, Foundations of Image Science, 2004). No processing raises the ideal
observer's detectability.
"""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri
from scipy.stats import rankdata

CHANNEL_WIDTHS = (0.0, 1.5, 3.0, 6.0)  # px
CORRECT = 0.9  # of two alternatives, at the threshold
FOLDS = 6  # of the cells, each scored by an observer that was trained on the others
RIDGE = 1e-8  # of the mean variance, so that channels without noise divide by something


def ideal_detectability(signal: np.ndarray, contrast: float, sigma: float) -> float:
    """The ideal observer's d' for a known signal in white noise: contrast times the signal's norm over the noise.

    Parameters
    ----------
    signal : array of shape (side, side)
        Of amplitude 1.
    contrast : float
        The signal's amplitude, in image values.
    sigma : float
        Standard deviation of the noise, in image values.

    Returns
    -------
    float

    Examples
    --------
    >>> ideal_detectability(np.ones((4, 4)), 0.1, 0.2)
    2.0
    """
    return float(contrast * np.linalg.norm(signal) / sigma)


def template_scores(present: np.ndarray, absent: np.ndarray, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a non-prewhitening matched filter says to cells with and without the signal: sums weighted by the signal.

    In white noise it is the ideal observer.

    Parameters
    ----------
    present, absent : array of shape (N, side, side)
        Processed cells with and without the signal.
    signal : array of shape (side, side)

    Returns
    -------
    tuple of two arrays of shape (N,)

    Examples
    --------
    >>> cells = np.zeros((3, 8, 8))
    >>> template_scores(cells + 1, cells, np.ones((8, 8)))[1].tolist()
    [0.0, 0.0, 0.0]
    """
    return np.tensordot(present, signal, 2), np.tensordot(absent, signal, 2)


def hotelling_scores(
    present: np.ndarray, absent: np.ndarray, signal: np.ndarray, widths: Sequence[float] = CHANNEL_WIDTHS
) -> tuple[np.ndarray, np.ndarray]:
    """What a channelised Hotelling observer says to cells with and without the signal.

    Its channels are the signal, and the signal blurred by Gaussians: with a few of them it matches what a filter left
    of the signal, takes the surroundings off, and prewhitens. It is asked about cells that it wasn't trained on
    (six-fold cross-validation), so that it isn't optimistic.

    Parameters
    ----------
    present, absent : array of shape (N, side, side)
        Processed cells with and without the signal, N at least 4 times the number of channels.
    signal : array of shape (side, side)
    widths : sequence of float
        Standard deviations of the blurs, in pixels; 0 is the signal itself.

    Returns
    -------
    tuple of two arrays of shape (N,)
        In standard deviations of the observer's response, 0 between the classes.

    Raises
    ------
    ValueError
        For too few cells.

    Examples
    --------
    >>> random, signal = np.random.default_rng(0), np.pad(np.ones((3, 4)), 6)
    >>> absent = random.normal(0, 1, (400, 15, 16))
    >>> present = random.normal(0, 1, (400, 15, 16)) + signal
    >>> found = detectability(*hotelling_scores(present, absent, signal))
    >>> bool(abs(found - ideal_detectability(signal, 1, 1)) < 0.3)
    True
    """
    number = min(len(present), len(absent))
    if number < 4 * len(widths):
        raise ValueError(f"present or absent has {number} cells; expected {4 * len(widths)} or more")
    channels = np.stack([gaussian_filter(signal, width) if width else signal for width in widths])
    channels = channels / np.linalg.norm(channels, axis=(1, 2), keepdims=True)
    responses = [np.tensordot(cells, channels, ((1, 2), (1, 2))) for cells in (present, absent)]
    scores = [np.empty(len(each)) for each in responses]
    for fold in range(FOLDS):
        others = (each[np.arange(len(each)) % FOLDS != fold] for each in responses)
        template, middle = _hotelling_template(*others)
        for each, out in zip(responses, scores, strict=True):
            out[fold::FOLDS] = (each[fold::FOLDS] - middle) @ template
    return scores[0], scores[1]


def _hotelling_template(present: np.ndarray, absent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the channels for a response of variance 1, and the responses between the classes."""
    means = present.mean(0), absent.mean(0)
    covariance = (np.cov(present.T) + np.cov(absent.T)) / 2
    covariance = np.atleast_2d(covariance)
    covariance = covariance + (RIDGE * np.trace(covariance) / len(covariance) + 1e-300) * np.eye(len(covariance))
    template = np.linalg.solve(covariance, means[0] - means[1])
    spread = np.sqrt(template @ covariance @ template)
    return template / (spread or 1), (means[0] + means[1]) / 2


def share_correct(present: np.ndarray, absent: np.ndarray) -> float:
    """The share of pairs in which the cell with the signal has the higher score, ties counted half.

    The percentage correct of two alternatives, and the area under the ROC curve (Mann-Whitney).

    Examples
    --------
    >>> share_correct(np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    0.75
    """
    ranks = rankdata(np.concatenate([present, absent]))[: len(present)]
    return float((ranks.sum() - len(present) * (len(present) + 1) / 2) / (len(present) * len(absent)))


def detectability(present: np.ndarray, absent: np.ndarray) -> float:
    """The d' of scores: that of two normal distributions of equal variance with the same :func:`share_correct`.

    Unlike a ratio of means and deviations it isn't flattered by a filter that keeps some signals and wipes out others.
    Scores that don't overlap count as half a pair of them confused.

    Parameters
    ----------
    present, absent : array of shape (N,)
        Scores of cells with and without the signal.

    Returns
    -------
    float

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> bool(abs(detectability(random.normal(2, 1, 4000), random.normal(0, 1, 4000)) - 2) < 0.1)
    True
    """
    least = 0.5 / (len(present) * len(absent))
    return float(np.sqrt(2) * ndtri(np.clip(share_correct(present, absent), least, 1 - least)))


def threshold_detectability(correct: float = CORRECT) -> float:
    """The d' at which so many pairs are told right.

    Examples
    --------
    >>> round(threshold_detectability(0.9), 3)
    1.812
    """
    return float(np.sqrt(2) * ndtri(correct))
