"""Fréchet distances of Gaussians, for which it is known; precision and recall, and nearest neighbours."""

import numpy as np
import pytest

from pkn.evaluation.distribution_metrics import frechet_distance, nearest, precision_recall


def exactly(mean, deviations, rotation):
    """Points whose mean and covariance are exact: +- along each axis."""
    count = len(deviations)
    arms = np.diag(deviations) * np.sqrt(count - 0.5)
    return np.concatenate([arms, -arms]) @ rotation.T + mean


def test_gaussians_along_the_same_axes():
    random = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(random.standard_normal((5, 5)))
    means, deviations = random.standard_normal((2, 5)), random.uniform(0.2, 2, (2, 5))
    first, second = (exactly(*both, rotation) for both in zip(means, deviations, strict=True))
    wanted = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
    assert frechet_distance(first, second) == pytest.approx(wanted, rel=1e-10)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-10)


def test_gaussians_across_each_other():
    # covariances diag(4, 1) and diag(1, 4) turned by 45 degrees: tr (S1 S2)^1/2 by scipy's square root of a matrix
    from scipy.linalg import sqrtm

    turn = np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    first, second = exactly(np.zeros(2), [2, 1], np.eye(2)), exactly(np.zeros(2), [1, 2], turn)
    product = np.cov(first, rowvar=False) @ np.cov(second, rowvar=False)
    assert frechet_distance(first, second) == pytest.approx(10 - 2 * np.trace(sqrtm(product)).real, rel=1e-9)


def test_fewer_samples_than_features():
    few = np.random.default_rng(0).standard_normal((4, 30))
    assert frechet_distance(few, few + 1) == pytest.approx(30, rel=1e-6)


@pytest.mark.parametrize(("first", "second"), [(np.ones(3), np.ones(3)), (np.ones((4, 2)), np.ones((4, 3)))])
def test_shapes_are_named(first, second):
    with pytest.raises(ValueError, match=r"is of shape .* expected two or more rows"):
        frechet_distance(first, second)


def test_precision_and_recall_of_heaps():
    """Half of the samples lie in the one real heap, and none in the other."""
    random = np.random.default_rng(0)
    heaps = [random.normal(place, 0.1, (200, 2)) for place in (0, 50, 100)]
    precision, recall = precision_recall(np.concatenate(heaps[:2]), np.concatenate(heaps[1:]))
    assert precision == pytest.approx(0.5, abs=0.05)
    assert recall == pytest.approx(0.5, abs=0.05)
    assert precision_recall(heaps[0], heaps[2]) == (0, 0)


def test_precision_and_recall_by_hand():
    """On a line, radii of 0 1 2 3 to their third neighbours are 3 2 2 3, so 5.5 is near to 3 and 8 to none."""
    real = np.array([[0.0], [1], [2], [3]])
    samples = np.array([[5.5], [8], [8.5], [-2.5]])
    assert precision_recall(samples, real)[0] == 0.5


@pytest.mark.parametrize(("samples", "real", "named"), [((3, 2), (9, 2), "samples"), ((9, 2), (9, 3), "real")])
def test_too_few_features(samples, real, named):
    with pytest.raises(ValueError, match=f"{named} is of shape"):
        precision_recall(np.zeros(samples), np.zeros(real))


def test_nearest():
    distances, indices = nearest(np.array([[0.0, 0], [9, 9]]), np.array([[9.0, 8], [5, 5], [0, 2]]))
    np.testing.assert_allclose(distances, [2, 1])
    np.testing.assert_array_equal(indices, [2, 0])
