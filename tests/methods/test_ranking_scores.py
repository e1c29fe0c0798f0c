"""Ranking measures against scikit-learn, with ties and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from modelyard.methods.ranking_scores import areas, average_precision, cumulative_counts, roc_auc

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=40)


@given(ROWS)
def test_both_areas_agree_with_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    scores, positive, weights = (np.array(column) for column in zip(*rows, strict=True))
    if not weights[positive].sum() or not weights[~positive].sum():
        assert np.isnan(roc_auc(scores, positive, weights[None])[0])
        return
    expected = roc_auc_score(positive, scores, sample_weight=weights)
    assert roc_auc(scores, positive, weights[None])[0] == pytest.approx(expected)
    expected = average_precision_score(positive, scores, sample_weight=weights)
    assert average_precision(scores, positive, weights[None])[0] == pytest.approx(expected)


def test_a_weight_is_a_repeated_row() -> None:
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    weights = np.array([2, 1, 3, 1])
    repeated = np.repeat(np.arange(4), weights)
    ones = np.ones((1, len(repeated)))
    for measure in (roc_auc, average_precision):
        whole = measure(scores[repeated], positive[repeated], ones)
        assert measure(scores, positive, weights[None])[0] == pytest.approx(whole[0])


def test_one_class_or_no_row_is_not_a_number() -> None:
    for rows in (0, 3):
        counts = cumulative_counts(np.linspace(0, 1, rows), np.ones(rows, dtype=bool), np.ones((2, rows)))
        assert np.isnan(areas(*counts)).all()
