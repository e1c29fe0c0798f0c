"""Percentiles with intervals: known order statistics, coverage, unknown ends."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import latency


def test_known_order_statistics_of_the_median() -> None:
    # n = 20: the 6th and the 15th of 20 hold the median with probability 0.9586 (David and Nagaraja, table 7.1).
    found = latency.percentile(list(range(1, 21)), 0.5, unit="ms", confidence=0.95)
    assert (found.value, found.low, found.high, found.n) == (10.5, 6.0, 15.0, 20)


def test_few_runs_leave_the_upper_end_of_a_late_percentile_open() -> None:
    found = latency.percentile([1.0] * 50, 0.99, unit="ms", confidence=0.95)
    assert found.low == 1.0
    assert found.high is None


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_interval_holds_the_true_percentile_as_often_as_it_says(share: float) -> None:
    generator = np.random.default_rng(0)
    truth = -np.log1p(-share)
    held = 0
    for _ in range(1000):
        found = latency.percentile(generator.exponential(size=200).tolist(), share, unit="s", confidence=0.9)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert 880 <= held <= 960


def test_a_rate_turns_the_ends_round() -> None:
    found = latency.rate([0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.5], 10, unit="row", confidence=0.95)
    assert found.value == pytest.approx(50)
    assert found.unit == "row/s"
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 50 <= found.high
