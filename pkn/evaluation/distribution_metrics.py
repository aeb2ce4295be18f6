"""How near two sets of images are, by their features: Fréchet distance, precision and recall, nearest neighbours."""

import numpy as np

NEIGHBOURS = 3  # of a point, whose distance is its reach (published)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared distance of the Gaussians fitted to features (N, D): of means, plus tr(S1 + S2 - 2 (S1 S2)^1/2).

    Heusel et al. 2017 (arXiv 1706.08500), in any feature space.

    Raises
    ------
    ValueError
        If shapes don't match, or there are fewer than two rows.
    """
    for name, features in (("first", first), ("second", second)):
        if features.ndim != 2 or len(features) < 2 or features.shape[1] != first.shape[1]:
            raise ValueError(f"{name} has the shape {features.shape}; expected two or more rows of the same length")
    a, b = (np.asarray(features, np.float64) for features in (first, second))
    cov_a, cov_b = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    root = _square_root(cov_a)
    cross = np.linalg.eigvalsh(root @ cov_b @ root)
    means = np.square(a.mean(0) - b.mean(0)).sum()
    return float(means + np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(np.maximum(cross, 0)).sum())


def _square_root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def precision_recall(samples: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Of features (N, D): shares of samples among the real ones, and of real ones among the samples.

    Kynkaanniemi et al. 2019 (arXiv 1904.06991).

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
