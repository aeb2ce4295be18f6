"""Similarity of two sets of images by their features: Fréchet distance, precision and recall, nearest neighbours."""

import numpy as np

NEIGHBOURS = 3  # the distance to the third nearest neighbour is the radius of a point (published)


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of the Gaussians fitted to features, |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2).

    Heusel et al. 2017 (arXiv 1706.08500); only between features of Inception it is FID.

    Parameters
    ----------
    first, second : ndarray of shape (N, D)
        Features; N may differ.

    Raises
    ------
    ValueError
        If shapes don't match, or there are fewer than two rows.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.random.default_rng(0).standard_normal((100, 2))
    >>> round(frechet_distance(features, features + 3), 6)
    18.0
    """
    for name, features in (("first", first), ("second", second)):
        if features.ndim != 2 or len(features) < 2 or features.shape[1] != first.shape[1]:
            raise ValueError(f"{name} is of shape {features.shape}; expected two or more rows of the same length")
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
    """Share of the samples within the support of the real ones, and of the real ones within that of the samples.

    Kynkaanniemi et al. 2019 (arXiv 1904.06991): the support is the union of balls around all points, each with the
    distance to the third nearest neighbour as radius.

    Parameters
    ----------
    samples, real : ndarray of shape (N, D)
        Features; N may differ.

    Returns
    -------
    precision, recall : float

    Raises
    ------
    ValueError
        If there are fewer than four rows, or lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> real = np.random.default_rng(0).standard_normal((50, 2))
    >>> precision_recall(real[:25], real)  # samples that cover the real ones in part
    (1.0, 0.92)
    """
    for name, features in (("samples", samples), ("real", real)):
        if features.ndim != 2 or len(features) <= NEIGHBOURS or features.shape[1] != samples.shape[1]:
            raise ValueError(
                f"{name} is of shape {features.shape}; expected {NEIGHBOURS + 1} or more rows of the same length"
            )
    return _share_within(samples, real), _share_within(real, samples)


def _share_within(points: np.ndarray, others: np.ndarray) -> float:
    from sklearn.metrics import pairwise_distances_chunked
    from sklearn.neighbors import NearestNeighbors

    radii = NearestNeighbors().fit(others).kneighbors(n_neighbors=NEIGHBOURS)[0][:, -1]
    return float(np.concatenate([(part <= radii).any(1) for part in pairwise_distances_chunked(points, others)]).mean())


def nearest(points: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest neighbours among other points.

    Parameters
    ----------
    points : ndarray of shape (N, D)
    others : ndarray of shape (M, D)

    Returns
    -------
    distances, indices : ndarray of shape (N,)
        Of the nearest of ``others`` to each point.

    Examples
    --------
    >>> import numpy as np
    >>> distances, indices = nearest(np.array([[0.0], [9.0]]), np.array([[7.0], [1.0]]))
    >>> distances, indices
    (array([1., 2.]), array([1, 0]))
    """
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=1).fit(others).kneighbors(points)
    return distances[:, 0], indices[:, 0]
