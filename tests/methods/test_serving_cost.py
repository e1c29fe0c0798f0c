"""Costs and replicas, against the arithmetic by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.report import Measure
from modelyard.methods.serving_cost import Machine, per_million, replicas

MACHINE = Machine(cores=4, memory_gb=16, price_per_hour=0.36)


def test_a_million_by_hand() -> None:
    # A core costs 0.09 an hour, 25e-6 a second. 100 rows a second on two cores: a row takes 0.02 core seconds.
    found = per_million(Measure(100, 80, 125, 6, "row/s"), 2, MACHINE, 1.0, "USD")
    assert found.value == pytest.approx(0.5)
    assert [found.low, found.high] == pytest.approx([0.4, 0.625])
    assert found.unit == "USD a million"
    assert per_million(Measure(100), 2, MACHINE, 0.25, "USD").value == pytest.approx(2.0)
    assert per_million(Measure(None), 2, MACHINE, 0.25, "USD").value is None


@given(st.floats(0, 1e6), st.floats(0.1, 1e5), st.floats(0.01, 1))
def test_replicas_carry_the_load_and_one_fewer_would_not(load: float, rate: float, utilization: float) -> None:
    found = replicas(load, rate, utilization)
    assert found * rate * utilization >= load * (1 - 1e-9)
    assert found == 1 or (found - 1) * rate * utilization < load * (1 + 1e-9)
