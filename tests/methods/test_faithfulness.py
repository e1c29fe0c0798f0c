"""Curves and scores of orders whose worth is known."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import deletion, faithfulness, rationale

WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])


def value(kept: np.ndarray) -> np.ndarray:
    return np.asarray(kept @ WEIGHTS)


def test_curves_of_a_linear_answer() -> None:
    found = deletion.curves(value, np.arange(4))
    assert found.shares.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert np.allclose(found.deletion, [1, 0.6, 0.3, 0.1, 0])
    assert np.allclose(found.insertion, [0, 0.4, 0.7, 0.9, 1])
    assert found.deletion_area == pytest.approx((0.5 + 0.6 + 0.3 + 0.1) / 4)
    assert found.deletion_area + found.insertion_area == pytest.approx(1)


def test_many_parts_go_in_twenty_steps() -> None:
    found = deletion.curves(lambda kept: kept.mean(axis=1), np.arange(1000))
    assert len(found.shares) == 21
    assert np.allclose(found.deletion, 1 - found.shares)


def test_rationales_of_a_linear_answer() -> None:
    """One part at 1 to 20 per cent of four, two at 50."""
    comprehensiveness, sufficiency = rationale.scores(value, np.arange(4))
    assert comprehensiveness == pytest.approx((4 * 0.4 + 0.7) / 5)
    assert sufficiency == pytest.approx((4 * 0.6 + 0.3) / 5)


def test_the_best_order_beats_chance_and_the_worst_does_not() -> None:
    best, worst = (faithfulness.judge(value, sign * WEIGHTS, seed=0).scores for sign in (1, -1))
    for name in faithfulness.BETTER:
        assert best[f"{name}_gain"] > 0 > worst[f"{name}_gain"]
        assert best[f"{name}_random"] == worst[f"{name}_random"]


def test_measures_are_means_with_intervals() -> None:
    rows = [{"deletion_auc": number / 10} for number in range(11)]
    found = faithfulness.measures(rows, confidence=0.9, seed=0)["deletion_auc"]
    assert found.value == pytest.approx(0.5)
    assert (found.n, found.confidence) == (11, 0.9)
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < 0.45 < 0.55 < found.high < 0.7
    assert faithfulness.measures(rows[:1], confidence=0.9, seed=0)["deletion_auc"].low is None
