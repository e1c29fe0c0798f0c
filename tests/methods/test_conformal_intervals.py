"""Conformal intervals of numbers: known answers, and coverage in simulation whatever the model."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.report import Findings
from modelyard.methods import conformal_intervals, interval_scores
from modelyard.methods.conformal_intervals import Band, Method


def test_a_constant_width_is_the_order_statistic_of_the_errors() -> None:
    errors = np.array([-7.0, 1, -2, 3, 4, 5, 6, -8, 9])
    band = conformal_intervals.fit(np.zeros(9), errors, level=0.8, method="constant")
    assert band.margin == 8.0
    low, high = band.ends(np.array([10.0, -1.0]))
    assert (low.tolist(), high.tolist()) == ([2.0, -9.0], [18.0, 7.0])


def test_ends_go_in_lines_between_knots_and_never_cross() -> None:
    band = Band((0.0, 10.0), (-1.0, -3.0), (1.0, 5.0), 0.5)
    low, high = band.ends(np.array([-5.0, 5.0, 20.0]))
    assert (low.tolist(), high.tolist()) == ([-6.5, 2.5, 16.5], [-3.5, 8.5, 25.5])
    low, high = Band((0.0,), (-1.0,), (1.0,), -3.0).ends(np.array([0.0]))
    assert (low.tolist(), high.tolist()) == ([-2.0], [2.0])


def noisy(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers and truths whose errors are skewed, and grow with the answer."""
    random = np.random.default_rng(seed)
    values = random.uniform(0, 10, n)
    return values, values + 0.3 + (0.2 + values) * (random.exponential(size=n) - 1)


@pytest.mark.parametrize("method", ["constant", "quantiles"])
def test_intervals_cover_as_often_as_they_promise_over_many_draws(method: Method) -> None:
    """600 draws of 99 rows to fit and 50 to test: between the level and one fitted row more."""
    covered = []
    for seed in range(600):
        values, targets = noisy(149, seed)
        band = conformal_intervals.fit(values[:99], targets[:99], level=0.9, method=method)
        low, high = band.ends(values[99:])
        covered.append(np.mean((low <= targets[99:]) & (targets[99:] <= high)))
    fitted = 99 if method == "constant" else 49
    assert 0.9 - 0.005 <= np.mean(covered) <= 0.9 + 1 / (fitted + 1) + 0.005


def test_quantiles_are_narrow_where_errors_are_small_and_cover_there_and_elsewhere() -> None:
    values, targets = noisy(4000, 1)
    fresh, truth = noisy(20_000, 2)
    shares: dict[Method, list[float]] = {}
    widths: dict[Method, float] = {}
    for method in get_args(Method):
        band = conformal_intervals.fit(values, targets, level=0.9, method=method)
        low, high = band.ends(fresh)
        inside = (low <= truth) & (truth <= high)
        shares[method] = [inside[fresh < 2].mean(), inside[fresh > 8].mean()]
        widths[method] = (high - low).mean()
    assert shares["constant"][1] < 0.84
    assert min(shares["quantiles"]) > 0.86
    assert widths["quantiles"] < 0.96 * widths["constant"]


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=80, max_size=120), st.integers(0, 50))
def test_answers_that_are_alike_are_no_trouble(values: list[float], seed: int) -> None:
    answers = np.array(values)
    targets = answers + np.random.default_rng(seed).normal(size=len(values))
    band = conformal_intervals.fit(answers, targets, level=0.8, method="quantiles")
    assert list(band.places) == sorted(set(band.places))
    low, high = band.ends(answers)
    assert np.isfinite(low).all()
    assert (low <= high).all()


def test_rows_that_a_promise_takes() -> None:
    assert conformal_intervals.fewest_rows(0.9, "constant") == 9
    assert conformal_intervals.fewest_rows(0.9, "quantiles") == 18
    assert conformal_intervals.fit(*noisy(8, 0), level=0.9, method="constant").margin == np.inf
    assert np.isfinite(conformal_intervals.fit(*noisy(18, 0), level=0.9, method="quantiles").margin)


def test_what_intervals_are_worth() -> None:
    targets, values = np.array([1.0, 2, 3, 9]), np.array([1.0, 2, 3, 4])
    found = interval_scores.add(Findings({}), targets, values, values - 1, values + 2, confidence=0.95, seed=0)
    coverage, width = found.measures["interval_coverage"], found.measures["interval_width"]
    assert (coverage.value, coverage.n, width.value) == (0.75, 4, 3.0)
    assert coverage.low == pytest.approx(0.1941, abs=1e-4)
    assert [row[1] for row in found.tables[0].rows] == [1.0, 1.0, 1.0, 0.0]
