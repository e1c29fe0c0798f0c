"""Closed-form intervals: published examples, their defining equations, and coverage in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods.intervals import (
    UNKNOWN,
    f1_interval,
    matched_difference,
    mean_interval,
    normal_quantile,
    roc_auc_interval,
    wilson,
)

CONFIDENCES = st.floats(0.5, 0.999)


def ends(interval: tuple[float | None, float | None]) -> tuple[float, float]:
    low, high = interval
    assert low is not None
    assert high is not None
    return low, high


def test_wilson_gives_newcombes_published_examples() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    for successes, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]:
        assert wilson(successes, n, 0.95) == pytest.approx((low, high), abs=5e-5)
    assert wilson(1, 29, 0.95) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CONFIDENCES)
def test_wilson_holds_the_share_and_stays_within_0_and_1(counts: tuple[int, int], confidence: float) -> None:
    successes, n = counts
    low, high = ends(wilson(successes, n, confidence))
    assert 0 <= low <= successes / n <= high <= 1
    assert low < high


def test_no_trials_leave_everything_unknown() -> None:
    assert wilson(0, 0, 0.95) == UNKNOWN
    assert f1_interval(0, 0, 0.95) == UNKNOWN
    assert matched_difference(0, 0, 0, 0.95) == UNKNOWN
    assert roc_auc_interval(0.5, 0, 3, 0.95) == UNKNOWN
    assert mean_interval([], []) == UNKNOWN


def coverage(covered: list[bool]) -> float:
    return float(np.mean(covered))


@pytest.mark.parametrize(("rate", "n"), [(0.5, 30), (0.95, 100), (0.99, 500)])
def test_wilson_covers_as_often_as_it_says(rate: float, n: int) -> None:
    counts = np.random.default_rng(0).binomial(n, rate, size=4_000)
    covered = [low <= rate <= high for low, high in (ends(wilson(count, n, 0.95)) for count in counts)]
    assert 0.93 <= coverage(covered) <= 0.975


def test_f1_interval_covers_as_often_as_it_says() -> None:
    # hit, missed, false alarm, rightly left alone: F1 = 2 * .1 / (.2 + .03) of the population.
    shares = [0.10, 0.02, 0.01, 0.87]
    truth = 0.2 / 0.23
    drawn = np.random.default_rng(0).multinomial(600, shares, size=3_000)
    intervals = [ends(f1_interval(hits, missed + alarms, 0.95)) for hits, missed, alarms, _ in drawn]
    assert 0.93 <= coverage([low <= truth <= high for low, high in intervals]) <= 0.975


def test_f1_interval_is_wide_where_nothing_went_wrong_in_few_rows() -> None:
    low, high = ends(f1_interval(5, 0, 0.95))
    assert high == 1
    assert low < 0.8


@pytest.mark.parametrize(("first_only", "second_only"), [(0.004, 0.002), (0.03, 0.03), (0.2, 0.1)])
def test_matched_difference_covers_as_often_as_it_says(first_only: float, second_only: float) -> None:
    shares = [first_only, second_only, 1 - first_only - second_only]
    drawn = np.random.default_rng(1).multinomial(1_100, shares, size=3_000)
    intervals = [ends(matched_difference(first, second, 1_100, 0.95)) for first, second, _ in drawn]
    assert coverage([low <= first_only - second_only <= high for low, high in intervals]) >= 0.935


def test_matched_difference_of_models_that_nearly_agree_is_narrow_but_not_nothing() -> None:
    low, high = ends(matched_difference(2, 1, 1_115, 0.95))
    assert low < 1 / 1_115 < high < 0.005
    low, high = ends(matched_difference(0, 0, 1_115, 0.95))
    assert -0.005 < low < 0 < high < 0.005
    assert low == -high


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 1000), CONFIDENCES)
def test_matched_difference_turns_round_with_its_sides(first: int, second: int, more: int, confidence: float) -> None:
    n = first + second + more
    low, high = ends(matched_difference(first, second, n, confidence))
    assert matched_difference(second, first, n, confidence) == pytest.approx((-high, -low))


def test_roc_auc_interval_solves_newcombes_equation() -> None:
    low, high = ends(roc_auc_interval(0.9, 40, 60, 0.95))
    for t in (low, high):
        variance = t * (1 - t) * (1 + 49 * ((1 - t) / (2 - t) + t / (1 + t))) / 2_400
        assert abs(t - 0.9) == pytest.approx(normal_quantile(0.95) * math.sqrt(variance), rel=1e-9)
    assert low < 0.9 < high


def test_roc_auc_interval_of_a_perfect_ranking_has_a_width() -> None:
    low, high = ends(roc_auc_interval(1.0, 20, 20, 0.95))
    assert high == 1
    assert 0.7 < low < 0.99


def test_roc_auc_interval_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    truth = 0.9213504  # P(N(2, 1) > N(0, 1)) = Phi(sqrt(2))
    covered = []
    for _ in range(400):
        positive, negative = random.normal(2, 1, 60), random.normal(0, 1, 140)
        area = float((positive[:, None] > negative).mean())
        low, high = ends(roc_auc_interval(area, 60, 140, 0.95))
        covered.append(low <= truth <= high)
    assert 0.92 <= coverage(covered) <= 0.99


def test_mean_interval_adds_distances_in_squares() -> None:
    assert mean_interval([0.5, 0.7], [(0.2, 0.6), (0.3, 0.9)]) == pytest.approx(
        (0.6 - 0.5 / 2, 0.6 + math.hypot(0.1, 0.2) / 2)
    )
