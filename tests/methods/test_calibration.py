"""Calibration error by hand, and of scores that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods.calibration import calibration_error, reliability_figure


def test_known_answer() -> None:
    # Two bins: two rows at .95 of which one is right, two rows at .55 that are both right.
    score, right = np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, False, True, True])
    error = calibration_error(score, right, np.array([[1, 1, 1, 1], [1, 0, 1, 0]]))
    assert error == pytest.approx([0.5 * 0.45 + 0.5 * 0.45, 0.5 * 0.05 + 0.5 * 0.45])


def test_scores_that_mean_what_they_say_have_a_small_error() -> None:
    random = np.random.default_rng(0)
    score = random.uniform(0.5, 1, 50_000)
    right = random.random(50_000) < score
    assert calibration_error(score, right, np.ones((1, 50_000)))[0] < 0.01
    assert calibration_error(score**3, right, np.ones((1, 50_000)))[0] > 0.15


def test_bin_borders_belong_to_the_bin_below_and_0_to_the_first() -> None:
    figure = reliability_figure(np.array([0.0, 1 / 15, 1.0]), np.array([False, True, True]), 0.95)
    assert [len(figure.series), figure.diagonal] == [1, True]
    assert figure.series[0].y == pytest.approx([0.5, 1.0])
    assert figure.series[0].x == pytest.approx([1 / 30, 1.0])
