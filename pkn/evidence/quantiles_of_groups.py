"""Quantiles that hold for new groups of values: conformal prediction where not values but groups can be exchanged.

Pixels of an image err alike, so a million pixels of 48 images say as much of the next image as 48 numbers, not as a
million. Each image weighs the same here, however many pixels of a kind it has, and the level is the one at which images
that are left out are covered as promised. (Lee, Barber and Willett 2023 raise the level to c (K + 1) / K for K groups,
which guarantees c, and is exact where all values of a group are the same. Where groups are alike it covers up to c / K
too much; leaving groups out gives the same in the first case, and c in the second.)
"""

from collections.abc import Sequence

import numpy as np

POINTS = 400  # that stand for the values of a group
GRID = np.linspace(0.3, 1, 1401)  # of levels


def hierarchical_quantiles(
    groups: Sequence[np.ndarray], coverages: Sequence[float], weights: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """Thresholds below which shares ``coverages`` of a new group's values lie, in the mean over new groups.

    Parameters
    ----------
    groups : sequence of arrays
        The values of each group, none empty.
    coverages : sequence of float
        0.3 to 1.
    weights : sequence of float, optional
        Of the groups; by default they are the same.

    Returns
    -------
    array
        A threshold for each coverage; at most the greatest value, where there are too few groups for more.

    Examples
    --------
    >>> import numpy as np
    >>> from pkn.evidence.quantiles_of_groups import hierarchical_quantiles
    >>> groups = [np.full(size, float(value)) for value, size in enumerate((5, 1000, 3, 2, 8, 9, 4, 7, 6))]
    >>> hierarchical_quantiles(groups, [0.5, 0.8]).tolist()  # numbers 5 and 8 of 9: a tenth lies between two
    [4.0, 7.0]
    """
    shares = np.ones(len(groups)) if weights is None else np.asarray(weights, float)
    shares = shares / shares.sum()
    points = np.stack([np.quantile(group, (np.arange(POINTS) + 0.5) / POINTS) for group in groups])
    order = np.argsort(points, axis=None, kind="stable")
    owners = order // POINTS
    below = np.cumsum(shares[owners]) / POINTS  # the share of all values up to each
    levels = np.asarray(coverages, float) if len(groups) == 1 else _levels(owners, below, shares, coverages)
    at = np.searchsorted(below, levels - 1e-9).clip(max=order.size - 1)
    return np.asarray(points.ravel()[order[at]])


def _levels(owners: np.ndarray, below: np.ndarray, shares: np.ndarray, coverages: Sequence[float]) -> np.ndarray:
    """The levels at which thresholds of the other groups cover each group as promised, in the mean."""
    covered = np.zeros(GRID.size)
    for group, share in enumerate(shares):
        own = np.cumsum(owners == group) / POINTS
        others = (below - share * own) / (1 - share)
        at = np.searchsorted(others, GRID - 1e-9).clip(max=own.size - 1)
        covered += share * own[at]
    covered = np.maximum.accumulate(covered)
    at = np.searchsorted(covered, np.asarray(coverages) - 1e-9).clip(max=GRID.size - 1)
    return np.asarray(GRID[at])
