"""Scores of numbers: scikit-learn's values, intervals that hold them, and a paired comparison that cancels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.report import Findings
from modelyard.methods import regression_scores


def judge(targets: np.ndarray, values: np.ndarray) -> Findings:
    return regression_scores.judge(targets, values, np.arange(len(targets)), confidence=0.95, seed=0)


@given(st.integers(0, 2**32 - 1), st.integers(3, 60))
def test_the_values_are_scikit_learn_s(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    targets, values = random.normal(50, 10, n), random.normal(50, 10, n)
    found = judge(targets, values).measures
    assert found["rmse"].value == pytest.approx(mean_squared_error(targets, values) ** 0.5)
    assert found["mae"].value == pytest.approx(mean_absolute_error(targets, values))
    assert found["r2"].value == pytest.approx(r2_score(targets, values))


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(60):
        mae = judge(random.normal(0, 2, 150), np.zeros(150)).measures["mae"]
        assert mae.low is not None
        assert mae.high is not None
        inside += mae.low <= 2 * (2 / np.pi) ** 0.5 <= mae.high
    assert 51 <= inside <= 60


def test_a_paired_comparison_of_a_model_with_itself_and_with_a_worse_one() -> None:
    random = np.random.default_rng(0)
    targets = random.normal(0, 10, 200)
    values = targets + random.normal(0, 3, 200)
    first, second = judge(targets, values), judge(targets, values + random.normal(0, 0.5, 200))
    same = regression_scores.compare(first, first, confidence=0.95, seed=0).measures
    assert same["agreement"].value == 1.0
    assert same["largest_difference"].value == 0.0
    assert same["rmse_drop"].value == same["rmse_drop"].low == same["rmse_drop"].high == 0.0
    worse = regression_scores.compare(second, first, confidence=0.95, seed=0).measures
    assert worse["rmse_drop"].value == pytest.approx(
        (first.measures["rmse"].value or 0) - (second.measures["rmse"].value or 0)
    )
    assert worse["r2_drop"].value is not None
    wide = (first.measures["rmse"].high or 0) - (first.measures["rmse"].low or 0)
    assert (worse["rmse_drop"].high or 0) - (worse["rmse_drop"].low or 0) < wide / 2


def test_what_cannot_be_told_is_none() -> None:
    assert judge(np.array([]), np.array([])).measures["rmse"].value is None
    alike = judge(np.full(5, 0.1), np.zeros(5)).measures
    assert alike["r2"].value is None
    assert alike["mae"].value == pytest.approx(0.1)
    one = judge(np.array([1.0]), np.array([2.0])).measures
    assert (one["mae"].value, one["mae"].low) == (1.0, None)


def test_what_cannot_be_judged() -> None:
    with pytest.raises(ModelyardError, match="1 of 2 rows no finite number"):
        judge(np.zeros(2), np.array([0, np.nan]))
    with pytest.raises(InputError, match="other rows"):
        regression_scores.compare(
            judge(np.zeros(2), np.zeros(2)), judge(np.zeros(3), np.zeros(3)), confidence=0.95, seed=0
        )
    with pytest.raises(InputError, match="no predicted numbers"):
        regression_scores.compare(Findings({}), judge(np.zeros(2), np.zeros(2)), confidence=0.95, seed=0)
