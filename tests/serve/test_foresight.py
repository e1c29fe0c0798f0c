from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.foresight import Foresight


def test_what_was_foretold_well_is_believed() -> None:
    foresight = Foresight()
    for _ in range(50):
        foresight.came(0.5, 0.5)
    assert foresight.surely(2.0) == 2.0


def test_few_requests_take_longer_than_is_surely_enough() -> None:
    foresight, chance = Foresight(), random.Random(0)
    longer = 0
    for number in range(2000):
        foreseen = chance.uniform(0.1, 1.0)
        took = foreseen * chance.gauss(1.6, 0.15)
        if number >= 200:
            longer += took > foresight.surely(foreseen)
        foresight.came(foreseen, took)
    assert longer / 1800 < 0.1
    assert foresight.surely(1.0) < 2.5


def test_it_forgets_a_bad_time() -> None:
    foresight = Foresight()
    for _ in range(50):
        foresight.came(0.5, 2.0)
    assert foresight.surely(1.0) > 3.5
    for _ in range(200):
        foresight.came(0.5, 0.5)
    assert foresight.surely(1.0) == pytest.approx(1.0, abs=0.05)


def test_short_times_tell_nothing() -> None:
    foresight = Foresight()
    foresight.came(0.001, 1.0)
    assert foresight.surely(1.0) == 1.0


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=50))
def test_it_stays_finite_and_never_below_what_is_foreseen(seen: list[tuple[float, float]]) -> None:
    foresight = Foresight()
    for foreseen, seconds in seen:
        foresight.came(foreseen, seconds)
    assert 1.0 <= foresight.surely(1.0) < math.inf
