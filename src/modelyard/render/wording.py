"""Numbers and foreign text as people read them, the same in every renderer. Knows no markup."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from modelyard.core.report import Measure

ABSENT = "–"
_SMALLER = re.compile(r"size_|memory_")
_SOONER = re.compile(r"latency_|first_token_|load_seconds")
_MORE = re.compile(r"throughput|\w+_per_second")


def inert(text: str) -> str:
    """The text with everything invisible or commanding written out as an escape.

    Control characters (line ends and ANSI escapes among them), direction overrides, other format characters and
    lone surrogates could forge lines, colours or reading order.
    """
    return "".join(_escape(mark) if unicodedata.category(mark) in _UNSAFE else mark for mark in text)


_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _escape(mark: str) -> str:
    return mark.encode("unicode_escape").decode() if mark not in _JOINERS else mark


_JOINERS = {"\u200c", "\u200d"}
"""Persian and Indic words and many emoji are spelled with these; they cannot reorder or hide anything else."""


def write_number(value: float | None, unit: str = "") -> str:
    """Four significant digits, two of what is below 0.1, thousands separated, the unit behind; a dash for None."""
    if value is None or not math.isfinite(value):
        return ABSENT
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}" if abs(value) >= 0.1 else f"{value:.2g}"
    return f"{text} {unit}" if unit else text


def write_interval(low: float | None, high: float | None) -> str:
    """``low … high``, or a dash."""
    return ABSENT if low is None or high is None else f"{write_number(low)} … {write_number(high)}"


def write_cell(cell: str | float | None) -> str:
    """A table's cell."""
    return cell if isinstance(cell, str) else write_number(cell)


def write_bytes(size: int) -> str:
    """Megabytes (10^6 bytes), or kilobytes for what is small."""
    return write_number(size / 1e6, "MB") if size >= 1e5 else write_number(size / 1e3, "kB")


def write_seconds(seconds: float | None) -> str:
    if seconds is None:
        return ABSENT
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


def write_options(options: Mapping[str, Any]) -> str:
    """``epochs 2, schedule cosine``."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in options.items() if value is not None)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_change(name: str, before: Measure, after: Measure) -> str:
    """How far a measure moved: a ratio for costs (``4.4× faster``), otherwise the difference with its sign."""
    if before.value is None or after.value is None:
        return ABSENT
    if min(before.value, after.value) > 0:
        if _SMALLER.match(name):
            return _write_ratio(before.value / after.value, "smaller", "larger")
        if _SOONER.match(name):
            return _write_ratio(before.value / after.value, "faster", "slower")
        if _MORE.match(name):
            return _write_ratio(after.value / before.value, "faster", "slower")
    difference = after.value - before.value
    return "no change" if difference == 0 else f"{difference:+.4f}"


def _write_ratio(ratio: float, word: str, opposite: str) -> str:
    if 0.995 < ratio < 1.005:
        return "no change"
    return f"{ratio:.2f}× {word}" if ratio > 1 else f"{1 / ratio:.2f}× {opposite}"
