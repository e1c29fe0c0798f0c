"""Runs one case: asks the model and judges its answers. Knows no file."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.core.task import Prediction
from modelyard.engines.behaviour.suited import VALUE
from modelyard.formats.suite import Case
from modelyard.methods import latency

SHOWN = 3
"""Rows that failed, of one case, that are told."""
FEWEST_TIMES = 20
"""Calls that a case of latency times at least."""
_REPEATABLE: Mapping[str, Any] = {"temperature": 0.0}
"""Options with which a model that generates answers alike each time."""


@dataclass(frozen=True)
class Outcome:
    """What came of one case.

    Attributes:
        failures: what was wrong, a sentence a row; empty where it passed.
        rows: rows that were asked.
    """

    case: Case
    failures: tuple[str, ...]
    rows: int

    @property
    def passed(self) -> bool:
        return not self.failures

    @property
    def wording(self) -> str:
        """The first failures, a line each."""
        more = len(self.failures) - SHOWN
        return "\n".join([*self.failures[:SHOWN], *([f"… and {more} more"] if more > 0 else [])])


def run_case(case: Case, predictor: Predictor) -> Outcome:
    """Ask the model what the case says. Whatever the model raises is a failure of the case, not of the run."""
    judges = {
        "minimum function": _minimum_function,
        "invariance": _invariance,
        "direction": _direction,
        "abnormal input": _abnormal,
        "latency": _latency,
    }
    rows = len(list(case.pairs()))
    try:
        return Outcome(case, tuple(judges[case.kind](case, predictor)), rows)
    except Exception as error:
        # The model under test is what raised: any kind of error is a finding.
        return Outcome(case, (f"the model raised {type(error).__name__}: {error}"[:300],), rows)


def _answers(predictor: Predictor, rows: list[Mapping[str, Any]]) -> list[Prediction]:
    options = _REPEATABLE if "generation" in predictor.task.abilities else {}
    return predictor.predict(rows, **options)


def _minimum_function(case: Case, predictor: Predictor) -> Iterator[str]:
    rows = [row for row, _ in case.pairs()]
    for row, answer in zip(rows, _answers(predictor, rows), strict=True):
        if case.contains is not None:
            wrong = case.contains not in answer["text"]
            expected = f"a text with {case.contains!r}"
        elif "label" in answer:
            wrong, expected = answer["label"] != str(case.expect), str(case.expect)
        else:
            wrong = not abs(answer[VALUE] - float(case.expect or 0)) <= (case.tolerance or 0.0)
            expected = f"{case.expect} ± {case.tolerance or 0.0:g}"
        if wrong:
            yield f"{_shown(row)}: {_shown(_said(answer))}, expected {expected}"


def _invariance(case: Case, predictor: Predictor) -> Iterator[str]:
    pairs = list(case.pairs())
    rows = [row for row, _ in pairs]
    answers = _answers(predictor, rows)
    if case.becomes is None:
        pairs = [(rows[0], row) for row in rows[1:]]
        before, after = [answers[0]] * len(pairs), answers[1:]
    else:
        before, after = answers, _answers(predictor, [changed for _, changed in pairs if changed is not None])
    for (row, changed), one, other in zip(pairs, before, after, strict=True):
        if not _alike(one, other, case.tolerance):
            yield f"{_shown(row)}: {_shown(_said(one))}, but {_shown(changed)}: {_shown(_said(other))}"


def _alike(one: Prediction, other: Prediction, tolerance: float | None) -> bool:
    """The same class or text; where a tolerance is stated, scores as well; numbers within it."""
    if "label" in one:
        moved = max(abs(one["scores"][label] - other["scores"][label]) for label in one["scores"])
        return bool(one["label"] == other["label"] and (tolerance is None or moved <= tolerance))
    if VALUE in one:
        return bool(abs(one[VALUE] - other[VALUE]) <= (tolerance or 0.0))
    return bool(one["text"] == other["text"])


def _direction(case: Case, predictor: Predictor) -> Iterator[str]:
    name = case.rises if case.rises is not None else case.falls
    pairs = list(case.pairs())
    before = _answers(predictor, [row for row, _ in pairs])
    after = _answers(predictor, [changed for _, changed in pairs if changed is not None])
    sign = 1.0 if case.rises is not None else -1.0
    for (row, changed), one, other in zip(pairs, before, after, strict=True):
        first, second = (item["scores"][name] if "scores" in item else item[VALUE] for item in (one, other))
        if sign * (second - first) < -(case.tolerance or 0.0):
            word = "fell" if sign > 0 else "rose"
            yield f"{_shown(row)} → {_shown(changed)}: {name!r} {word} from {first:.4g} to {second:.4g}"


def _abnormal(case: Case, predictor: Predictor) -> Iterator[str]:
    for row, _ in case.pairs():
        try:
            (answer,) = _answers(predictor, [row])
        except InputError as error:
            if case.outcome == "answered":
                yield f"{_shown(row)}: refused: {error.what}, expected an answer"
            continue
        if case.outcome == "refused":
            yield f"{_shown(row)}: answered {_shown(_said(answer))}, expected a refusal"
        elif not _is_sound(answer):
            yield f"{_shown(row)}: the answer holds a number that is not finite: {_shown(_said(answer))}"
        elif not _alike(answer, _answers(predictor, [row])[0], 1e-6):
            yield f"{_shown(row)}: asked twice, answered differently"


def _is_sound(answer: Prediction) -> bool:
    numbers = [*answer.get("scores", {}).values(), *(answer[key] for key in ("score", VALUE) if key in answer)]
    try:
        json.dumps(answer, allow_nan=False)
    except ValueError:
        return False
    return all(math.isfinite(number) for number in numbers)


def _latency(case: Case, predictor: Predictor) -> Iterator[str]:
    rows = [row for row, _ in case.pairs()]
    _answers(predictor, rows[:1])
    times = []
    for index in range(max(FEWEST_TIMES, len(rows))):
        start = time.perf_counter()
        _answers(predictor, [rows[index % len(rows)]])
        times.append(1e3 * (time.perf_counter() - start))
    found = latency.percentile(times, 0.95, unit="ms", confidence=0.95).value
    if found is None or case.at_most_ms is None or found > case.at_most_ms:
        yield f"95% of {len(times)} answers came within {found:.3g} ms, expected {case.at_most_ms:g} ms"


def _said(answer: Prediction) -> Any:
    if "label" in answer:
        return f"{answer['label']} ({answer['score']:.3f})"
    return answer.get(VALUE, answer.get("text"))


def _shown(value: Any) -> str:
    """A row or an answer in one line, and not all of a long one."""
    if isinstance(value, Mapping) and len(value) == 1:
        (value,) = value.values()
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
