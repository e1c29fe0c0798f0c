"""Worst slices: the test against scipy's, what is planted is found, and nothing is found where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from modelyard.methods.slice_candidates import candidates
from modelyard.methods.slices import SIGNIFICANT, Candidate, find, report, upper_tail


@settings(max_examples=60)
@given(st.integers(2, 200), st.data())
def test_the_chance_is_fishers(n: int, data: st.DataObject) -> None:
    failures, size = data.draw(st.integers(0, n)), data.draw(st.integers(1, n - 1))
    hits = data.draw(st.integers(max(0, failures + size - n), min(failures, size)))
    expected = stats.hypergeom.sf(hits - 1, n, failures, size)
    assert upper_tail(np.array([hits]), np.array([size]), failures, n)[0] == pytest.approx(expected, abs=1e-9)


def test_every_kind_of_slice_has_a_name() -> None:
    columns: dict[str, list[object]] = {
        "channel": ["web", None, "app", "web"],
        "age": [1.0, 2.0, None, 4.0],
        "member": [True, False, True, True],
    }
    found = {
        item.name: item.inside.tolist() for item in candidates(columns, {"text": ["Free it", "x", "是 1", "free"]})
    }
    assert found["channel is missing"] == [False, True, False, False]
    assert found["channel = web"] == [True, False, False, True]
    assert found["age = 1.0"] == [True, False, False, False]
    assert found["member = True"] == [True, False, True, True]
    assert found["text holds 'free'"] == [True, False, False, True]
    assert found["text holds '是'"] == [False, False, True, False]
    assert found["text holds a digit"] == [False, False, True, False]
    assert found["length of text over 4.75"] == [True, False, False, False]
    many = {item.name for item in candidates({"age": [float(n) for n in range(100)]}, {})}
    assert many == {"age is missing", "age up to 24.75", "age over 24.75 up to 49.5"} | {
        "age over 49.5 up to 74.25",
        "age over 74.25",
    }


def test_a_planted_slice_is_named_first() -> None:
    random = np.random.default_rng(0)
    channel = random.choice(["web", "app", "fax"], 2000, p=[0.5, 0.45, 0.05])
    failed = random.random(2000) < np.where(channel == "fax", 0.3, 0.05)
    found = find(
        candidates({"channel": channel.tolist(), "age": random.random(2000).tolist()}, {}), failed, smallest=30
    )
    assert found[0].name == "channel = fax"
    assert found[0].p < 1e-6
    findings = report(found, failing="wrong answers", smallest=30, confidence=0.95)
    assert "channel = fax" in findings.notes[0]
    assert findings.tables[0].rows[0][0] == "channel = fax"
    low, high = findings.tables[0].rows[0][3:5]
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert low < 0.3 < high
    assert findings.figures[0].series[0].x[0] == "channel = fax"


def test_where_there_is_none_one_is_named_at_most_once_in_twenty() -> None:
    random = np.random.default_rng(1)
    columns = {name: random.integers(0, 5, 300).tolist() for name in "abcdef"}
    looked = candidates(columns, {})
    named = 0
    for _ in range(400):
        found = find(looked, random.random(300) < 0.1, smallest=20)
        named += found[0].p < SIGNIFICANT
    assert named / 400 <= 0.05 + 0.02
    assert (
        "none has more wrong answers" in report(found, failing="wrong answers", smallest=20, confidence=0.95).notes[0]
    )


def test_small_slices_and_doubles_are_left_out() -> None:
    half = np.arange(100) < 50
    looked = [Candidate("first", half), Candidate("again", half), Candidate("few", np.arange(100) < 9)]
    assert [item.name for item in find(looked, half, smallest=10)] == ["first"]
    assert find([], half, smallest=10) == []
