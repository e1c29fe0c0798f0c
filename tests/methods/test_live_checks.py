"""Measures under traffic: known answers, coverage of their intervals, and what no data give."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelyard.methods import live_checks


def test_the_rise_of_a_share_is_newcombes() -> None:
    """The example of Newcombe 1998, table II: 56 of 70 against 48 of 80 is .2, .0524 to .3339 by method 10."""
    found = live_checks.rise_of_share((56, 70), (48, 80), confidence=0.95)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=5e-5)
    assert found.high == pytest.approx(0.3339, abs=5e-5)


def test_the_shift_of_known_shares() -> None:
    new, old = {"a": 5000, "b": 5000}, {"a": 8000, "b": 2000}
    found = live_checks.shift(new, old, confidence=0.95)
    assert found.value == pytest.approx(0.3 * math.log(0.5 / 0.2) + (-0.3) * math.log(0.5 / 0.8), abs=2e-3)
    assert 0.35 < (found.low or 0) < (found.value or 0) < (found.high or 9) < 0.5


def test_a_shift_is_not_seen_where_there_is_none() -> None:
    """Of samples from one distribution, hardly any is surely shifted."""
    generator, sure = np.random.default_rng(0), 0
    for _ in range(100):
        new, old = (
            dict(zip("abcd", generator.multinomial(60, [0.4, 0.3, 0.2, 0.1]).tolist(), strict=True)) for _ in range(2)
        )
        sure += (live_checks.shift(new, old, confidence=0.95).low or 0) > 0.1
    assert sure <= 3


def test_the_interval_of_a_ratio_holds_the_true_one() -> None:
    generator, held = np.random.default_rng(1), 0
    for _ in range(60):
        old, new = generator.gamma(4, 0.01, 300), generator.gamma(4, 0.02, 300)
        found = live_checks.ratio_of_percentiles(new.tolist(), old.tolist(), 0.95, confidence=0.95)
        held += (found.low or 0) <= 2 <= (found.high or math.inf)
    assert held >= 57


def test_nothing_is_known_of_nothing() -> None:
    assert live_checks.share(0, 0, confidence=0.95).value is None
    assert live_checks.rise_of_share((0, 0), (1, 10), confidence=0.95).value is None
    assert live_checks.ratio_of_percentiles([], [1.0], 0.95, confidence=0.95).value is None
    assert live_checks.shift({}, {"a": 3}, confidence=0.95).value is None
