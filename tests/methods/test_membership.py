"""Scores of membership: log odds, and what a reference takes away."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import membership


def test_log_odds_of_the_right_class() -> None:
    probabilities = np.array([[0.8, 0.15, 0.05], [0.5, 0.25, 0.25]])
    found = membership.scores(probabilities, np.array([0, 2]))
    assert found == pytest.approx([np.log(4.0), np.log(1 / 3)])


def test_nearly_sure_answers_are_still_told_apart() -> None:
    found = membership.scores(np.array([[1.0, 1e-9], [1.0, 1e-11], [1.0, 0.0]]), np.zeros(3, dtype=int))
    assert np.isfinite(found).all()
    assert found[0] < found[1] < found[2]


def test_a_row_that_is_easy_for_everybody_gives_nothing_away() -> None:
    own = np.array([[0.99, 0.01], [0.9, 0.1]])
    reference = np.array([[0.99, 0.01], [0.4, 0.6]])
    found = membership.scores(own, np.zeros(2, dtype=int), reference)
    assert found[0] == 0
    assert found[1] == pytest.approx(np.log(9) - np.log(2 / 3))
