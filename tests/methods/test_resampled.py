"""The corrected resampled t interval: the formula, and what the correction is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from modelyard.methods import resampled
from modelyard.methods.intervals import UNKNOWN


def test_the_interval_is_the_formula() -> None:
    scores = [0.91, 0.93, 0.9, 0.94, 0.92]
    half = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + 1 / 4) * np.var(scores, ddof=1))
    assert resampled.interval(scores, 1 / 4, 0.95) == pytest.approx((0.92 - half, 0.92 + half))
    assert resampled.interval([0.9], 1 / 4, 0.95) == UNKNOWN
    differences = [0.01, 0.02, -0.01, 0.03, 0.02]
    t = np.mean(differences) / math.sqrt((1 / 5 + 1 / 4) * np.var(differences, ddof=1))
    assert resampled.p_value(differences, 1 / 4) == pytest.approx(2 * stats.t.sf(t, 4))
    assert resampled.p_value([0.0, 0.0], 1 / 4) == 1.0
    assert resampled.p_value([0.1], 1 / 4) is None


def folded_errors(rows: np.ndarray, folds: int, repeats: int, random: np.random.Generator) -> list[float]:
    """Mean squared error of the training mean on each fold, of repeated folds."""
    found = []
    for _ in range(repeats):
        for part in np.array_split(random.permutation(len(rows)), folds):
            inside = np.zeros(len(rows), dtype=bool)
            inside[part] = True
            found.append(float(((rows[inside] - rows[~inside].mean()) ** 2).mean()))
    return found


def test_the_correction_keeps_the_coverage_that_the_plain_interval_loses() -> None:
    """Repeated folds of 50 rows of a standard normal variable: the true error of a mean of 40 rows is 1 + 1/40."""
    random = np.random.default_rng(0)
    corrected, plain = 0, 0
    for _ in range(300):
        scores = folded_errors(random.normal(size=50), 5, 4, random)
        for ratio in (1 / 4, 0.0):
            low, high = resampled.interval(scores, ratio, 0.95)
            assert low is not None
            assert high is not None
            inside = low <= 1.025 <= high
            corrected, plain = corrected + (inside and ratio > 0), plain + (inside and ratio == 0)
    assert corrected / 300 > 0.9
    assert plain / 300 < 0.75
