"""What a release must answer before it takes traffic: rows that it was judged by, as it answered them then.

A version that was damaged, was built for other rows, or runs differently here than where it was proven is found by
this before anybody is answered by it. Knows the yard's artifacts and the scheduler; no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import ModelyardError
from modelyard.core.release import Release
from modelyard.core.report import Report
from modelyard.core.transform import Row
from modelyard.serve.frames import WorkerError
from modelyard.serve.hosting import Served
from modelyard.serve.refusals import RefusalError
from modelyard.yard.yard import Yard

ROWS = 16
"""Enough to notice another model; more would only delay a promotion."""
TOLERANCE = 0.05
"""How far a score may be from the recorded one. Answers of int8 with dynamic scales move by up to 0.02 with what
shares their batch; another model moves many of them further."""
SECONDS = 60.0
TOKENS = 4
"""Written of each continuation, where a release generates text."""


class SmokeError(ModelyardError):
    """A release does not answer as it did when it was judged."""


@dataclass(frozen=True)
class Smoke:
    """Rows of the split ``test``, and what the release's own report says of them.

    Attributes:
        labels: the class that each row was given, or nothing.
        scores: the score of that class, or the number that was predicted; as many as there are rows, or none.
    """

    rows: Sequence[Row] = ()
    labels: Sequence[str] = ()
    scores: Sequence[float] = ()


def smoke_of(yard: Yard, release: Release) -> Smoke:
    """The first rows of the release's own evaluation; none where it was built without one."""
    data_digest = release.attributes["data"]
    if not data_digest:
        return Smoke()
    data = yard.get(data_digest)
    if not isinstance(data, Dataset) or not data.splits.get("test"):
        return Smoke()
    rows = data.rows("test")[:ROWS]
    return _judged(rows, answers_of(yard, release))


def report_of(yard: Yard, release: Release) -> Report | None:
    """The release's own evaluation, of its model on its data."""
    for digest in release.attributes["reports"]:
        report = yard.get(digest)
        if isinstance(report, Report) and report.parents[:2] == (release.model_digest, release.attributes["data"]):
            return report
    return None


def answers_of(yard: Yard, release: Release) -> Mapping[int, Mapping[str, Any]] | None:
    """What that evaluation says of each row (``predicted`` and ``score``, or ``value``); None where it says neither."""
    report = report_of(yard, release)
    table = report.findings.rows if report else None
    if table is None or not {"score", "value"} & set(table.column_names):
        return None
    return {answer[ROW_ID]: answer for answer in table.to_pylist()}


def _judged(rows: Sequence[Row], answers: Mapping[int, Mapping[str, Any]] | None) -> Smoke:
    if answers is None:
        return Smoke(rows)
    known = [row for row in rows if row[ROW_ID] in answers]
    found = [answers[row[ROW_ID]] for row in known]
    if found and "value" in found[0]:
        return Smoke(known, (), [answer["value"] for answer in found])
    return Smoke(known, [answer["predicted"] for answer in found], [answer["score"] for answer in found])


async def check_smoke(served: Served, smoke: Smoke) -> None:
    """Ask a model that takes no traffic yet.

    Raises:
        SmokeError: an answer that is refused, fails, or is not the recorded one.
    """
    if not smoke.rows:
        return
    roles = served.task.inputs
    rows = [{role: row[role] for role in roles} for row in smoke.rows]
    options: dict[str, Any] = {"max_tokens": TOKENS} if "generation" in served.task.abilities else {}
    try:
        answers = await served.scheduler.submit(rows, options, SECONDS)
    except (RefusalError, ModelyardError, WorkerError) as error:
        raise SmokeError(f"{served.label} does not answer the rows that it was judged by: {error}") from error
    for number, (row, answer) in enumerate(zip(smoke.rows, answers, strict=True)):
        if smoke.scores:
            _compare(served.label, row, answer, smoke.labels[number : number + 1], smoke.scores[number])


def _compare(label: str, row: Row, answer: Mapping[str, Any], classes: Sequence[str], score: float) -> None:
    # The score of the class that was recorded: two classes that are as likely may change places.
    found = float(answer["scores"][classes[0]] if classes else answer["value"])
    if not abs(found - score) <= TOLERANCE * max(1.0, abs(score)):
        raise SmokeError(
            f"{label} gives row {row['row']} of the split test {found:.4g}"
            + (f" for {classes[0]!r}" if classes else ""),
            expected=f"{score:.4g}, as when it was judged",
            fix="build it again on this machine, or look whether its runtime is another version here",
        )
