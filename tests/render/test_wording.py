"""Numbers and foreign text as people read them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.report import Measure
from modelyard.render.summary import requirement_rows
from modelyard.render.wording import inert, write_bytes, write_change, write_interval, write_number, write_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (float("nan"), "–"), (0.98765, "0.9877"), (1.0, "1"), (0.0, "0"), (-0.0028, "-0.0028"),
        (12.3456, "12.35"), (1234.5, "1,234"), (4837, "4,837"), (0.00001234, "1.2e-05"),
    ],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert write_number(value) == text


def test_units_bytes_seconds_and_intervals() -> None:
    assert write_number(4.2, "ms") == "4.2 ms"
    assert (write_bytes(22_812_345), write_bytes(2_500)) == ("22.81 MB", "2.5 kB")
    assert (write_seconds(None), write_seconds(4.04), write_seconds(93.9)) == ("–", "4.0 s", "1 min 33 s")
    assert (write_interval(0.1, None), write_interval(0.1, 0.25)) == ("–", "0.1 … 0.25")


@pytest.mark.parametrize(
    ("name", "before", "after", "text"),
    [
        ("size_mb", 90.0, 22.5, "4.00× smaller"), ("size_mb", 10.0, 20.0, "2.00× larger"),
        ("latency_p95_ms", 12.0, 3.0, "4.00× faster"), ("throughput", 100.0, 50.0, "2.00× slower"),
        ("decode_tokens_per_second", 10.0, 30.0, "3.00× faster"), ("latency_p50_ms", 3.0, 3.001, "no change"),
        ("accuracy", 0.99, 0.9875, "-0.0025"), ("f1", 0.9, 0.9, "no change"), ("f1", None, 0.9, "–"),
    ],
)  # fmt: skip
def test_changes(name: str, before: float | None, after: float, text: str) -> None:
    assert write_change(name, Measure(before), Measure(after)) == text


@given(st.text())
def test_inert_text_commands_nothing_and_letters_stay(text: str) -> None:
    shown = inert(text)
    assert not {unicodedata.category(mark) for mark in shown if mark not in "\u200c\u200d"} & {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    }
    assert inert(shown) == shown
    if text.isprintable():
        assert shown == text


def test_other_scripts_and_emoji_stay_as_they_are() -> None:
    for text in ("垃圾短信", "می‌خواهم", "👩‍💻", "naïve Größe"):
        assert inert(text) == text


def test_a_rise_is_shown_as_a_rise() -> None:
    item = {"measure": "log_loss", "bound": "rise <= 0.1 against base", "value": -0.02, "low": -0.03, "high": -0.01,
            "n": 5, "unit": "", "verdict": "met"}  # fmt: skip
    row = requirement_rows([item])[0]
    assert (row.value, row.interval) == ("0.02", "0.01 … 0.03")
    assert row.scale is not None
    assert row.scale.low < row.scale.value < row.scale.high < row.scale.bound
    assert not row.scale.upward


def test_a_missing_value_is_a_dash_and_draws_nothing() -> None:
    item = {"measure": "f1", "bound": ">= 0.9", "value": None, "low": None, "high": None, "n": None, "unit": "",
            "verdict": "inconclusive"}  # fmt: skip
    row = requirement_rows([item])[0]
    assert (row.value, row.interval, row.scale) == ("–", "–", None)
