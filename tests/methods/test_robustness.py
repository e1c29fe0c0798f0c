"""What an attack's outcome becomes: shares, intervals and the curve."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import robustness
from modelyard.methods.intervals import wilson
from modelyard.methods.robustness import Attacked

INFINITE = float("inf")


def test_shares_of_a_known_outcome() -> None:
    # Ten rows: two wrong before, one falls after one edit, three after two, four stay.
    right = np.array([False] * 2 + [True] * 8)
    fell = np.array([0.0, 0.0, 1.0, 2.0, 2.0, 2.0] + [INFINITE] * 4)
    attacked = Attacked("typos", np.arange(10), right, fell, np.full(10, 5), [1.0, 2.0], "edits")
    found = robustness.judge(attacked, confidence=0.9)
    robust = found.measures["robust_accuracy"]
    assert (robust.value, robust.n) == (0.4, 10)
    assert (robust.low, robust.high) == pytest.approx(wilson(4, 10, 0.9))
    assert found.measures["robust_accuracy:typos"] == robust
    assert found.measures["unattacked_accuracy"].value == 0.8
    assert found.measures["attack_success"].value == 0.5
    assert found.measures["attack_queries"].value == 5
    assert [row[:2] for row in found.tables[0].rows] == [[0.0, 0.8], [1.0, 0.7], [2.0, 0.4]]
    assert found.figures[0].series[0].y == [0.8, 0.7, 0.4]


def test_a_model_that_is_never_right_has_no_success_to_speak_of() -> None:
    nothing = np.zeros(3)
    attacked = Attacked("fgsm", np.arange(3), nothing.astype(bool), nothing, nothing, [0.1], "share of the range")
    found = robustness.judge(attacked, confidence=0.95).measures
    assert found["robust_accuracy"].value == 0.0
    assert found["attack_success"].value is None
    assert found["attack_queries"].value is None
