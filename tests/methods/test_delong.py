"""DeLong's test against the definition of its variance, and its rate of false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from modelyard.methods.delong import delong_p, placements


def test_placements_are_the_definition_with_ties() -> None:
    random = np.random.default_rng(0)
    scores, positive = random.integers(0, 6, 40) / 5, random.random(40) < 0.4
    above, below = scores[positive], scores[~positive]
    wins = (above[:, None] > below[None]) + 0.5 * (above[:, None] == below[None])
    of_positives, of_negatives = placements(scores, positive)
    assert np.allclose(of_positives, wins.mean(axis=1))
    assert np.allclose(of_negatives, wins.mean(axis=0))
    assert of_positives.mean() == pytest.approx(roc_auc_score(positive, scores))


def test_the_p_value_is_that_of_the_formula() -> None:
    random = np.random.default_rng(1)
    positive = random.random(80) < 0.5
    first, second = positive + random.normal(size=80), positive + 2 * random.normal(size=80)
    m, n = positive.sum(), (~positive).sum()
    wins = [(scores[positive][:, None] > scores[~positive][None]).astype(float) for scores in (first, second)]
    s10, s01 = (np.cov(np.stack([item.mean(axis=axis) for item in wins])) for axis in (1, 0))
    covariance = s10 / m + s01 / n
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    z = (wins[0].mean() - wins[1].mean()) / math.sqrt(variance)
    assert delong_p(first, second, positive) == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))


def test_equal_models_differ_as_often_as_the_level_says() -> None:
    random = np.random.default_rng(2)
    alarms = 0
    for _ in range(1000):
        positive = np.arange(120) < 50
        shared = positive + random.normal(size=120)
        first, second = shared + random.normal(size=120), shared + random.normal(size=120)
        alarms += (delong_p(first, second, positive) or 0) < 0.05
    assert 0.03 < alarms / 1000 < 0.075


def test_what_cannot_be_told() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    assert delong_p(scores, scores, np.array([False, False, True, True])) == 1.0
    assert delong_p(scores, -scores, np.array([False, False, True, True])) == 0.0
    assert delong_p(scores, scores, np.array([False, False, False, True])) is None
