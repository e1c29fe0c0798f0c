from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.cost import CostModel

CALLS = [(rows, length) for rows in (1, 4, 16) for length in (10, 60, 300)]


@given(st.floats(0, 0.01), st.floats(1e-7, 1e-4))
def test_it_finds_the_cost_of_a_call_and_of_a_unit(call: float, unit: float) -> None:
    cost = CostModel([(rows, length, call + unit * rows * length) for rows, length in CALLS])
    assert cost.call_seconds == pytest.approx(call, abs=1e-9)
    assert cost.unit_seconds == pytest.approx(unit, rel=1e-6)
    assert cost.seconds(7, 50) == pytest.approx(call + unit * 350)


def test_what_was_measured_is_forgotten_for_what_the_live_load_shows() -> None:
    cost = CostModel([(rows, length, 0.001 + 1e-5 * rows * length) for rows, length in CALLS[:4]])
    random = np.random.default_rng(0)
    for _ in range(500):
        rows, length = int(random.integers(1, 17)), int(random.integers(10, 300))
        cost.observe(rows, length, (0.002 + 3e-5 * rows * length) * random.normal(1, 0.1))
    assert cost.seconds(8, 100) == pytest.approx(0.002 + 3e-5 * 800, rel=0.1)
    assert cost.seconds(1, 20) == pytest.approx(0.002 + 3e-5 * 20, rel=0.35)


@given(st.lists(st.tuples(st.integers(1, 64), st.integers(0, 1000), st.floats(0, 10)), max_size=30))
def test_whatever_it_sees_costs_are_not_negative_and_the_first_row_may_run(seen: list[tuple[int, int, float]]) -> None:
    cost = CostModel(seen[:5])
    for rows, length, seconds in seen[5:]:
        cost.observe(rows, length, seconds)
    assert cost.call_seconds >= 0
    assert cost.unit_seconds >= 0
    assert all(cost.worthwhile(length) >= 1 for length in (0, 1, 1000))
    assert cost.seconds(1, 0) >= 0


def test_rows_that_cost_nothing_all_go_together() -> None:
    cost = CostModel([(rows, length, 0.001) for rows, length in CALLS])
    assert cost.worthwhile(100) > 1000
    assert cost.joins(50, 10, 300)


def test_nothing_is_foretold_before_something_was_seen() -> None:
    cost = CostModel()
    assert not cost.trusted
    assert cost.worthwhile(10) == 8
    assert cost.joins(1, 1, 10_000)
