"""Fréchet distance between two sets of features (Heusel et al. 2017, arXiv 1706.08500, in any feature space)."""

import numpy as np


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared distance of the Gaussians fitted to features (N, D): of means, plus tr(S1 + S2 - 2 (S1 S2)^1/2).

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
