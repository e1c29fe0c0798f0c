"""When a version that is served does not keep what was promised, and when it does again.

What it did in the last minutes is judged against the release's own requirements, by the end of an interval and never
by a single point, as everywhere. An alarm begins where something is surely wrong for a while, and is over where it is
surely right: what nobody can tell changes nothing. Knows no HTTP and nobody who is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modelyard.core.report import Measure
from modelyard.core.requirement import Requirement, Verdict
from modelyard.serve.analysis import (
    LATENCIES,
    measure_latencies,
    measure_reviews,
    reviewed_requirements,
    watched_requirements,
)
from modelyard.serve.drift import FeatureDrift
from modelyard.serve.findings import Finding
from modelyard.serve.hosting import Served

WINDOW = 300.0
"""Seconds of traffic that are judged."""
LASTS = 60.0
"""Seconds for which something must be wrong."""
REPEAT = 4 * 3600.0
"""Seconds after which an alarm that goes on is told of again."""
SILENCE = 3600.0
"""Seconds without a request, after which nothing shows that promises are kept."""


@dataclass(frozen=True)
class Alarm:
    """Something that is, or was, surely wrong.

    Attributes:
        started: seconds since the epoch.
        ended: the same; None while it goes on.
    """

    finding: Finding
    started: float
    ended: float | None = None

    @property
    def firing(self) -> bool:
        return self.ended is None


class Alarms:
    """Those of a server.

    Args:
        lasts: seconds for which something must be wrong.
        repeat: seconds after which what goes on is told of again.
    """

    def __init__(self, *, lasts: float = LASTS, repeat: float = REPEAT) -> None:
        self._lasts, self._repeat = lasts, repeat
        self._wrong: dict[tuple[str, str, str, str], float] = {}
        self._firing: dict[tuple[str, str, str, str], Alarm] = {}
        self._told: dict[tuple[str, str, str, str], float] = {}

    @property
    def firing(self) -> list[Alarm]:
        """Those that go on."""
        return list(self._firing.values())

    def look(self, findings: Iterable[Finding], now: float) -> list[Alarm]:
        """Those that begin, go on for long, or are over.

        Args:
            now: seconds since the epoch.
        """
        return [alarm for item in findings for alarm in self._judge(item, now)]

    def forget(self, model: str, version: str, now: float) -> list[Alarm]:
        """A version is served no more: what was wrong with it is over."""
        gone = [key for key in {*self._wrong, *self._firing} if key[1:3] == (model, version)]
        return [alarm for key in gone for alarm in self._end(key, now)]

    def _judge(self, finding: Finding, now: float) -> Iterator[Alarm]:
        key = finding.key
        if finding.verdict is Verdict.MET:
            yield from self._end(key, now, finding)
        elif key in self._firing:
            self._firing[key] = replace(self._firing[key], finding=finding)
            if now - self._told[key] >= self._repeat:
                self._told[key] = now
                yield self._firing[key]
        elif finding.verdict is not Verdict.NOT_MET:
            self._wrong.pop(key, None)
        elif now - self._wrong.setdefault(key, now) >= self._lasts:
            self._told[key] = now
            alarm = self._firing[key] = Alarm(finding, self._wrong.pop(key))
            yield alarm

    def _end(self, key: tuple[str, str, str, str], now: float, finding: Finding | None = None) -> Iterator[Alarm]:
        self._wrong.pop(key, None)
        self._told.pop(key, None)
        alarm = self._firing.pop(key, None)
        if alarm is not None:
            yield Alarm(finding or alarm.finding, alarm.started, now)


def find(
    served: Served, promised: Sequence[Requirement], drifts: Sequence[FeatureDrift], reviewed: tuple[int, int] = (0, 0)
) -> list[Finding]:
    """Everything that a version is watched for.

    Args:
        promised: what its recipe requires.
        drifts: how far each feature is from its reference.
        reviewed: answers that people found right, and all that they judged of those chosen by chance.
    """
    return [
        *_of_traffic(served, promised),
        *_of_reviews(served, promised, reviewed),
        *_of_drift(served, drifts),
        *_of_state(served),
    ]


def _of_reviews(served: Served, promised: Sequence[Requirement], reviewed: tuple[int, int]) -> Iterator[Finding]:
    for item in reviewed_requirements(promised):
        judged = item.judge(measure_reviews(reviewed))
        found = judged.found or Measure(None)
        yield Finding(
            "ModelyardAccuracy",
            "ticket",
            served.name,
            served.version,
            item.measure,
            item.wording,
            found,
            judged.verdict,
        )


def _of_traffic(served: Served, promised: Sequence[Requirement]) -> Iterator[Finding]:
    traffic = served.live.lately(WINDOW)
    measures = measure_latencies(traffic.seconds, traffic.failures)
    for item in watched_requirements(promised):
        judged = item.judge(measures)
        alert = (
            f"ModelyardLatencyP{100 * LATENCIES[item.measure]:g}" if item.measure in LATENCIES else "ModelyardErrors"
        )
        found = judged.found or Measure(None)
        yield Finding(
            alert, "page", served.name, served.version, item.measure, item.wording, found, judged.verdict, WINDOW
        )


def _of_drift(served: Served, drifts: Sequence[FeatureDrift]) -> Iterator[Finding]:
    for item in drifts:
        yield Finding(
            "ModelyardDrift",
            "ticket",
            served.name,
            served.version,
            item.method,
            item.bound.wording,
            item.size,
            item.verdict,
            feature=item.feature,
        )


def _of_state(served: Served) -> Iterator[Finding]:
    """What is plain to see, without statistics."""
    seen = (
        (
            "ModelyardNoWorkers",
            "page",
            Requirement("workers", "at_least", 1),
            float(len(served.scheduler.processes)),
            "",
        ),
        ("ModelyardNoTraffic", "ticket", Requirement("silence", "at_most", SILENCE), served.live.silence, "s"),
    )
    for alert, severity, bound, value, unit in seen:
        found = Measure(value, unit=unit)
        verdict = bound.judge({bound.measure: found}).verdict
        yield Finding(alert, severity, served.name, served.version, bound.measure, bound.wording, found, verdict)
