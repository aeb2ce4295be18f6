"""Factors from groups of values: they hold for new groups, where the quantiles of all values together don't."""

import numpy as np
import pytest

import pkn.evidence.interval_measurement as measurement
from pkn.evidence.intervals import COVERAGES
from pkn.evidence.quantiles_of_groups import hierarchical_quantiles
from pkn.evidence.regions import KINDS


def draw_groups(generator, count):
    """Groups of few to many values; the larger, the smaller its values: as flat images have many flat pixels."""
    sizes = np.exp(generator.uniform(np.log(100), np.log(4000), count)).astype(int)
    scales = np.exp(0.3 * generator.standard_normal(count)) * (1000 / sizes) ** 0.15
    return [scale * np.abs(generator.standard_normal(size)) for size, scale in zip(sizes, scales, strict=True)]


def test_new_groups_are_covered_as_promised_and_by_pooled_quantiles_are_not():
    generator = np.random.default_rng(0)
    new = draw_groups(generator, 300)
    ours, pooled = [], []
    for _ in range(30):
        groups = draw_groups(generator, 24)
        limits = hierarchical_quantiles(groups, [0.9])[0], np.quantile(np.concatenate(groups), 0.9)
        for held, limit in zip((ours, pooled), limits, strict=True):
            held.append(np.mean([np.mean(group <= limit) for group in new]))
    assert abs(np.mean(ours) - 0.9) < 0.01
    assert np.mean(pooled) < 0.88


def test_groups_of_one_value_each_are_plain_conformal_prediction():
    """With K equal values a group, the threshold is the value number ceil(c (K + 1)) of the groups."""
    groups = [np.full(7, float(value)) for value in range(1, 20)]
    found = hierarchical_quantiles(groups, COVERAGES[:6])
    np.testing.assert_array_equal(found, [np.ceil(c * 20 - 1e-9) for c in COVERAGES[:6]])


def test_weights_of_groups():
    groups = [np.arange(100.0), np.arange(100.0) + 1000]
    assert hierarchical_quantiles(groups, [0.5], [1000.0, 1.0])[0] < 100


def test_too_few_images():
    with pytest.raises(ValueError, match=r"images are 1; expected at least 2"):
        measurement.intervals_of([measurement.ImageScores(0.1, [np.ones(200)] * len(KINDS))], 2)
    few = [measurement.ImageScores(0.1, [np.ones(200), np.ones(200), np.ones(3)])] * 2
    with pytest.raises(ValueError, match="too few pixels of the kind"):
        measurement.intervals_of(few, 2)
