from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.cost import CostModel

SIZES = [(rows, length) for rows in (1, 4, 16) for length in (16, 64, 256)]


@given(st.floats(1e-4, 0.01), st.floats(1e-7, 1e-4), st.integers(1, 32), st.integers(16, 128))
def test_it_foretells_between_what_was_measured(call: float, unit: float, rows: int, length: int) -> None:
    cost = CostModel([(rows, length, call + unit * rows * length) for rows, length in SIZES])
    assert all(cost.seconds(*size) == pytest.approx(call + unit * math.prod(size)) for size in SIZES)
    # Straight lines between powers of four of a curve that is bent.
    assert cost.seconds(rows, length) == pytest.approx(call + unit * rows * length, rel=0.3)


def test_a_machine_that_gets_busy_is_slower_at_all_sizes() -> None:
    cost = CostModel([(rows, length, 0.001 + 1e-5 * rows * length) for rows, length in SIZES])
    before, worthwhile = cost.seconds(16, 256), cost.worthwhile(64, 32)
    random = np.random.default_rng(0)
    for _ in range(300):
        cost.observe(1, 64, 0.00164, 3 * 0.00164 * random.normal(1, 0.1))
    assert cost.seconds(1, 64) == pytest.approx(3 * 0.00164, rel=0.1)
    assert cost.seconds(16, 256) == pytest.approx(3 * before, rel=0.1)
    # What a batch is worth does not depend on who else is there.
    assert cost.worthwhile(64, 32) == worthwhile


def test_it_learns_that_large_batches_do_not_pay_here() -> None:
    cost = CostModel([(rows, length, 0.001 + 1e-5 * rows * length) for rows, length in SIZES])
    assert cost.worthwhile(64, 32) >= 8
    for _ in range(200):
        rows = cost.worthwhile(64, 32)
        cost.observe(rows, 64, 0.00164 if rows == 1 else 0.002 * rows, 0.002 * rows)
    assert cost.worthwhile(64, 32) == 1


def test_one_call_that_something_else_was_in_the_way_of_changes_little() -> None:
    cost = CostModel([(rows, length, 0.00001 * rows * length) for rows, length in SIZES])
    cost.observe(4, 64, 10.0, 10.0)
    assert cost.seconds(4, 64) < 1.3 * 0.00256


SEEN = st.lists(st.tuples(st.integers(1, 64), st.integers(0, 10**6), st.floats(0, 10)), max_size=30)


@given(SEEN, st.integers(1, 99))
def test_whatever_it_sees_costs_stay_finite_and_the_first_row_may_run(
    seen: list[tuple[int, int, float]], most: int
) -> None:
    cost = CostModel(seen[:5])
    for rows, length, seconds in seen[5:]:
        cost.observe(rows, length, seconds, 2 * seconds)
    for length in (0, 1, 1000, 10**7):
        assert 1 <= cost.worthwhile(length, most) <= most
        assert 0 <= cost.seconds(3, length) < math.inf


def test_rows_that_cost_nothing_all_go_together() -> None:
    cost = CostModel([(rows, length, 0.001) for rows, length in SIZES])
    assert cost.worthwhile(16, 16) == 16
    assert cost.seconds(3, 256) <= cost.seconds(2, 64) + cost.seconds(1, 256)


@pytest.mark.parametrize(("call", "row", "expected"), [(0.01, 0.001, 8), (0.0, 0.01, 1)])
def test_without_measurements_it_tries_batches_and_learns_whether_they_pay(
    call: float, row: float, expected: int
) -> None:
    cost = CostModel()
    for _ in range(300):
        for rows in (cost.worthwhile(1, 8), 1):
            # A row that shares a batch takes a little more than one that does not.
            cost.observe(rows, 1, call + row * rows * (1 if rows == 1 else 1.1), 0.02)
    assert cost.worthwhile(1, 8) == expected


def test_nothing_is_foretold_before_something_was_seen() -> None:
    cost = CostModel()
    assert not cost.known
    assert cost.worthwhile(10, 32) == 8
    assert cost.worthwhile(10, 3) == 3
    assert not cost.tried(2)
    cost.observe(2, 10, 0.2, 0.2)
    assert cost.known
    assert cost.seconds(1, 20) == pytest.approx(0.2)
