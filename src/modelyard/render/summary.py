"""The rows that every renderer shows: requirements, before and after, steps, facts. Text only, no markup."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.report import Measure
from modelyard.render.page import Page
from modelyard.render.wording import (
    write_bytes,
    write_change,
    write_interval,
    write_number,
    write_options,
    write_seconds,
)

_HIGHLIGHTS = (
    "accuracy",
    "f1",
    "f1_macro",
    "perplexity",
    "bits_per_byte",
    "token_accuracy",
    "robust_accuracy",
    "size_mb",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "first_token_ms",
    "throughput",
    "prefill_tokens_per_second",
    "decode_tokens_per_second",
    "memory_peak_mb",
)
_TILES = ("accuracy", "f1", "perplexity", "bits_per_byte", "size_mb", "latency_p95_ms", "f1_macro", "throughput")
_TILES_SHOWN = 4
_BOUND = re.compile(r"([<>]=) (\S+)")


@dataclass(frozen=True)
class RequirementRow:
    """One requirement as text; ``scale`` is where bound, value and interval lie from 0 to 1, if they can be drawn."""

    measure: str
    bound: str
    value: str
    interval: str
    n: str
    verdict: str
    scale: Scale | None


@dataclass(frozen=True)
class Scale:
    """Positions from 0 to 1 on a line; ``upward`` if the values above the bound meet it."""

    bound: float
    value: float
    low: float
    high: float
    upward: bool


def requirement_rows(requirements: Sequence[Mapping[str, Any]]) -> list[RequirementRow]:
    """Requirements (``Judgement.to_json()``) as rows; a rise is shown as a rise, not as a negative drop."""
    return [_requirement_row(item) for item in requirements]


def _requirement_row(item: Mapping[str, Any]) -> RequirementRow:
    value, low, high, unit = item["value"], item["low"], item["high"], item.get("unit") or ""
    if str(item["bound"]).startswith("rise"):
        value, low, high = (None if number is None else -number for number in (value, high, low))
    return RequirementRow(
        measure=str(item["measure"]),
        bound=str(item["bound"]).replace(">=", "≥").replace("<=", "≤"),
        value=write_number(value, unit),
        interval=write_interval(low, high),
        n=write_number(item.get("n")),
        verdict=str(item["verdict"]),
        scale=_scale(str(item["bound"]), value, low, high),
    )


def _scale(bound: str, value: float | None, low: float | None, high: float | None) -> Scale | None:
    match = _BOUND.search(bound)
    if match is None or value is None:
        return None
    limit = float(match[2])
    ends = (value if low is None else low, value if high is None else high)
    numbers = (limit, value, *ends)
    margin = 0.12 * (max(numbers) - min(numbers)) or 1.0
    start, width = min(numbers) - margin, max(numbers) - min(numbers) + 2 * margin
    places = [(number - start) / width for number in numbers]
    return Scale(places[0], places[1], places[2], places[3], upward=match[1] == ">=")


OTHERS = ("not met", "inconclusive", "judged in production")
"""Outcomes beside ``met``, as a count names them."""


def count_verdicts(page: Page) -> str:
    """``3 of 4 requirements met, 1 inconclusive``."""
    verdicts = [str(item["verdict"]) for item in page.requirements]
    if not verdicts:
        return "no requirements were set"
    others = [f"{verdicts.count(word)} {word}" for word in OTHERS if word in verdicts]
    return ", ".join([f"{verdicts.count('met')} of {len(verdicts)} requirements met", *others])


@dataclass(frozen=True)
class ChangeRow:
    """A measure before conversion and on the release, as text."""

    measure: str
    before: str
    before_interval: str
    after: str
    after_interval: str
    change: str


def highlights(measures: Mapping[str, Measure]) -> list[str]:
    """The measures worth a line on the first screen, in a fixed order."""
    return [name for name in _HIGHLIGHTS if name in measures]


def change_rows(page: Page) -> list[ChangeRow]:
    """Quality, size and speed before the conversion, where it was measured, and after; else the release alone."""
    before = page.before or {}
    rows = []
    for name in highlights(page.measures):
        after, source = page.measures[name], before.get(name, Measure(None))
        rows.append(
            ChangeRow(
                name,
                write_number(source.value, source.unit),
                write_interval(source.low, source.high),
                write_number(after.value, after.unit),
                write_interval(after.low, after.high),
                write_change(name, source, after) if page.before else "",
            )
        )
    return rows


def tiles(page: Page) -> list[ChangeRow]:
    """The few numbers to see first."""
    rows = {row.measure: row for row in change_rows(page)}
    chosen = [name for name in _TILES if name in rows][:_TILES_SHOWN]
    return [row for name, row in rows.items() if name in chosen]


def step_rows(page: Page) -> list[tuple[str, str, str, str]]:
    """Name, options, time and digest of each step."""
    return [
        (
            step.name,
            write_options(step.options),
            "reused" if step.reused else write_seconds(step.seconds),
            short_digest(step.digest),
        )
        for step in page.steps
    ]


def model_rows(page: Page) -> list[tuple[str, str]]:
    """The model card's facts."""
    model = page.model
    facts = {
        "Task": model.task,
        "Base model": model.base,
        "Runtime": model.runtime,
        "Labels": ", ".join(model.labels),
        "Size": write_bytes(model.size_bytes) if model.size_bytes else "",
        "Transforms that travel with it": ", ".join(model.transforms),
        "Licence": model.licence or "not stated",
    }
    return [(name, text) for name, text in facts.items() if text]


def data_rows(page: Page) -> list[tuple[str, str]]:
    """Source of the data and its splits, with rows a class."""
    if page.data is None:
        return []
    profiles = page.data.profile.get("splits", {})
    changes = page.data.profile.get("changes", ())
    now = {"train": changes[-1]["classes"]} if changes else {}
    rows = [("Source", page.data.source)]
    for split, number in page.data.splits.items():
        found: Mapping[str, int] = profiles.get(split, {}).get("classes", {}) if isinstance(profiles, Mapping) else {}
        classes = now.get(split, found)
        parts = ", ".join(f"{label} {write_number(count)}" for label, count in classes.items())
        rows.append((f"Split {split}", f"{write_number(number)} rows" + (f" ({parts})" if parts else "")))
    made = ", ".join(f"{change['change']} ({write_number(change['rows'])} rows)" for change in changes)
    return [*rows, ("Rows to learn from, changed by", made)] if made else rows


def data_warnings(page: Page) -> list[str]:
    return [str(text) for text in page.data.profile.get("warnings", [])] if page.data else []


def measure_rows(measures: Mapping[str, Measure]) -> list[tuple[str, str, str, str]]:
    """Name, value, interval and number of rows of every measure."""
    return [
        (name, write_number(item.value, item.unit), write_interval(item.low, item.high), write_number(item.n))
        for name, item in measures.items()
    ]


def lineage_rows(page: Page) -> list[tuple[str, str]]:
    """Name and full digest of all that went in and came out."""
    rows = [("model", page.model.digest), ("data", page.data.digest if page.data else "")]
    return [(name, digest) for name, digest in [*rows, *page.lineage.items()] if digest]


def short_digest(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
