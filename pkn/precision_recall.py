"""Precision and recall of samples (Kynkaanniemi et al. 2019, arXiv 1904.06991), and whom they are near."""

import numpy as np

NEIGHBOURS = 3  # published


def precision_recall(samples: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Of features (N, D): shares of samples among the real ones, and of real ones among the samples.

    Among others is what lies no farther from one of them than its own third neighbour does.

    Raises
    ------
    ValueError
        If there are too few, or of other lengths.
    """
    for name, features in (("samples", samples), ("real", real)):
        if features.ndim != 2 or len(features) <= NEIGHBOURS or features.shape[1] != samples.shape[1]:
            raise ValueError(f"{name} has the shape {features.shape}; expected {NEIGHBOURS + 1} or more rows as long")
    return _share_among(samples, real), _share_among(real, samples)


def _share_among(points: np.ndarray, others: np.ndarray) -> float:
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    radii = NearestNeighbors().fit(others).kneighbors(n_neighbors=NEIGHBOURS)[0][:, -1]
    return float(np.concatenate([(part <= radii).any(1) for part in pairwise_distances_chunked(points, others)]).mean())


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point (N, D) to the nearest of the others (M, D), and which that is."""
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(points)
    return distances[:, 0], indices[:, 0]
