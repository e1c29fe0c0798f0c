"""Whether a new version does what was promised, from what it and the old one did under traffic.

The requirements are the release's own, as far as traffic can show them, and a few that every version must meet beside
the one whose place it takes. Each is judged by the end of an interval and not by a single point: met, not met, or
inconclusive. No traffic at all is a failed check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modelyard.core.report import Measure
from modelyard.core.requirement import Judgement, Requirement, Verdict, overall
from modelyard.methods import live_checks
from modelyard.methods.latency import percentile
from modelyard.serve.live import Live

CONFIDENCE = 0.95
LATENCIES = {"latency_p50_ms": 0.5, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
ALWAYS = (
    Requirement("error_rate_rise", "at_most", 0.02),
    Requirement("latency_p95_ratio", "at_most", 1.5),
    Requirement("agreement", "at_least", 0.9),
    Requirement("prediction_shift", "at_most", 0.25),
)
"""Beside the old version: failures, slowness, other answers, and other shares of the classes."""
LIVE = frozenset({*LATENCIES, *(item.measure for item in ALWAYS), "error_rate", "drifted_features"})


WATCHED = Requirement("error_rate", "at_most", 0.02)
"""What a version that answers alone is held to, unless its recipe says otherwise."""


def watched_requirements(promised: Sequence[Requirement]) -> list[Requirement]:
    """What is judged of a version that answers alone: what its recipe bounds from above, and that it seldom fails."""
    own = [item for item in promised if item.measure in {*LATENCIES, WATCHED.measure} and item.sense == "at_most"]
    chosen = own if any(item.measure == WATCHED.measure for item in own) else [*own, WATCHED]
    return [item if item.confidence else replace(item, confidence=CONFIDENCE) for item in chosen]


def reviewed_requirements(promised: Sequence[Requirement]) -> list[Requirement]:
    """What is judged by what people said of live answers: the accuracy that the recipe requires."""
    own = [item for item in promised if item.measure == "accuracy" and item.sense == "at_least"]
    return [item if item.confidence else replace(item, confidence=CONFIDENCE) for item in own]


def measure_reviews(reviewed: tuple[int, int]) -> dict[str, Measure]:
    """Accuracy under traffic; unknown where nobody judged.

    Args:
        reviewed: answers that people found right, and all that they judged.
    """
    return {"accuracy": live_checks.share(*reviewed, confidence=CONFIDENCE)}


def judge_reviews(promised: Sequence[Requirement], reviewed: tuple[int, int], *, needed: bool) -> list[Judgement]:
    """What people's judgement says of the requirements.

    People take longer than a check does. So what is surely too low always counts, and what cannot be told yet only
    where it is needed.

    Args:
        needed: whether a check cannot be passed without it.
    """
    found = [item.judge(measure_reviews(reviewed)) for item in reviewed_requirements(promised)]
    return [item for item in found if needed or item.verdict is not Verdict.INCONCLUSIVE]


def live_requirements(promised: Sequence[Requirement]) -> list[Requirement]:
    """What is judged under traffic: what the recipe promises of it, and what it leaves unsaid."""
    own = [item for item in promised if item.measure in LIVE and not item.relative]
    said = {item.measure for item in own}
    chosen = [*own, *(item for item in ALWAYS if item.measure not in said)]
    if said & set(LATENCIES):
        # The promise itself is kept watch over; slower than the old one but fast enough is no failure.
        chosen = [item for item in chosen if item.measure != "latency_p95_ratio"]
    return [item if item.confidence else replace(item, confidence=CONFIDENCE) for item in chosen]


def measure_latencies(seconds: Sequence[float], failures: tuple[int, int]) -> dict[str, Measure]:
    """How long answers take, and how many fail.

    Args:
        seconds: of the answers.
        failures: failed requests, and all of them.
    """
    found = {
        name: percentile([1000 * item for item in seconds], at, unit="ms", confidence=CONFIDENCE)
        for name, at in LATENCIES.items()
        if seconds
    }
    return {**found, "error_rate": live_checks.share(*failures, confidence=CONFIDENCE)}


def measure(new: Live, old: Live, *, drifted: Measure, compares: bool, labels: bool) -> dict[str, Measure]:
    """Measures of the new version and of its difference from the old one.

    Args:
        drifted: features of what the new one is asked and answers that are surely not what it was proven on.
        compares: whether answers of the two to the same rows are there.
        labels: whether answers are classes.
    """
    found = measure_latencies(new.seconds, new.failures)
    found["drifted_features"] = drifted
    found["error_rate_rise"] = live_checks.rise_of_share(new.failures, old.failures, confidence=CONFIDENCE)
    found["latency_p95_ratio"] = live_checks.ratio_of_percentiles(new.seconds, old.seconds, 0.95, confidence=CONFIDENCE)
    if compares:
        found["agreement"] = live_checks.share(*new.agreements, confidence=CONFIDENCE)
    if labels:
        found["prediction_shift"] = live_checks.shift(new.labels, old.labels, confidence=CONFIDENCE)
    return found


def judge(
    requirements: Sequence[Requirement],
    measures: Mapping[str, Measure],
    *,
    silent: bool,
    reviewed: Sequence[Judgement] = (),
) -> tuple[Verdict, list[Judgement]]:
    """The verdict of one check, and what it rests on.

    Args:
        silent: the new version answered nothing since the last check.
        reviewed: what people's judgement says.
    """
    judgements = [*(item.judge(measures) for item in requirements if item.measure in measures), *reviewed]
    return Verdict.NOT_MET if silent else overall(judgements), judgements
