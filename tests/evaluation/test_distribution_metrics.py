"""The Fréchet distance of Gaussians that it is known for."""

import numpy as np
import pytest

from pkn.evaluation.distribution_metrics import frechet_distance


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
    with pytest.raises(ValueError, match=r"has the shape .* expected two or more rows"):
        frechet_distance(first, second)
