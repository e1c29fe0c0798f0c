"""Token buckets, at times that the test names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.access import Rate
from modelyard.serve.rates import Rates


def test_a_burst_and_then_a_steady_rate() -> None:
    rates, rate = Rates(), Rate(2, 3)
    assert [rates.take("a", rate, 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.take("b", rate, 100.0) == 0
    assert rates.take("a", rate, 100.25) == pytest.approx(0.25)
    assert rates.take("a", rate, 100.5) == 0
    assert rates.take("a", rate, 100.5) == pytest.approx(0.5)
    # No more than a burst is saved up.
    assert [rates.take("a", rate, 1000.0) > 0 for _ in range(4)] == [False, False, False, True]


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 5), st.floats(0.1, 10))
def test_never_more_than_the_burst_and_what_the_time_gives(pauses: list[float], burst: int, per_second: float) -> None:
    rates, rate, now, taken = Rates(), Rate(per_second, burst), 0.0, 0
    for pause in pauses:
        now += pause
        wait = rates.take("a", rate, now)
        taken += not wait
        assert taken <= burst + per_second * now + 1e-6
        # Who waits as long as was said is served.
        if wait:
            now += wait + 1e-6
            assert rates.take("a", rate, now) == 0
            taken += 1


def test_a_clock_that_was_set_back_gives_nothing() -> None:
    rates, rate = Rates(), Rate(1, 1)
    assert rates.take("a", rate, 100.0) == 0
    assert rates.take("a", rate, 10.0) == 1.0
    assert rates.take("a", rate, 11.0) == 0


def test_buckets_that_are_full_again_are_forgotten() -> None:
    rates, rate = Rates(), Rate(1, 1)
    for number in range(20_000):
        assert rates.take(str(number), rate, number / 100) == 0
    assert len(rates) < 5_000
