"""Prometheus alerting rules out of a release's requirements, for the metrics of :mod:`modelyard.serve.metrics`.

Writes rules and asks no Prometheus. A rate is judged by the end of its interval, a percentile by enough requests; both
must last. Silence is an alert of its own, since no data is no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.core.requirement import Requirement
from modelyard.methods.intervals import normal_quantile
from modelyard.serve.analysis import LATENCIES, watched_requirements

WINDOW = "5m"
ENOUGH = 100
"""Requests in the window that a percentile is judged by: at the 95th, five of them are above it."""
_ROUTES = ".*/(infer|completions)"
_DURATION = "modelyard_request_duration_seconds"
_REQUESTS = "model_version:modelyard_requests:increase5m"
_ERRORS = "model_version:modelyard_request_errors:ratio5m"

Rule = dict[str, Any]


def write_rules(name: str, release: str, promised: Sequence[Requirement]) -> str:
    """A rules file for a model.

    Args:
        name: under which it is served; it holds letters, digits, ``.``, ``_`` and ``-``.
        release: the reference of the release whose requirements these are.
        promised: what its recipe requires.
    """
    import yaml

    groups = [{"name": f"modelyard {name}", "rules": make_rules(name, promised)}]
    head = f"# Made by: modelyard watch {release} --prometheus-rules FILE\n"
    return head + yaml.safe_dump({"groups": groups}, sort_keys=False, width=160, allow_unicode=True)


def make_rules(name: str, promised: Sequence[Requirement]) -> list[Rule]:
    """The rules of one group: two that record, and the alerts."""
    requests = f'model="{name}",route=~"{_ROUTES}"'
    count = f"sum by (model, version) (increase({_DURATION}_count{{{requests}}}[{WINDOW}]))"
    failed = f'sum by (model, version) (increase({_DURATION}_count{{{requests},status=~"5.."}}[{WINDOW}]))'
    records: list[Rule] = [
        {"record": _REQUESTS, "expr": count},
        {"record": _ERRORS, "expr": f"({failed} or 0 * {count}) / {count}"},
    ]
    return [*records, *_judging(name, requests, promised), *_standing(name, requests)]


def _judging(name: str, requests: str, promised: Sequence[Requirement]) -> Iterator[Rule]:
    """What the requirements bound."""
    for item in watched_requirements(promised):
        if item.measure in LATENCIES:
            share = LATENCIES[item.measure]
            yield _alert(
                f"ModelyardLatencyP{100 * share:g}",
                f"1000 * histogram_quantile({share:g}, sum by (model, version, le) "
                f'(rate({_DURATION}_bucket{{{requests},status!~"5.."}}[{WINDOW}]))) > {item.bound:g} '
                f'and on (model, version) {_REQUESTS}{{model="{name}"}} >= {ENOUGH}',
                "page",
                f"{{{{ $labels.model }}}}:{{{{ $labels.version }}}} answers too slowly: {item.measure} is "
                f"{{{{ $value | humanize }}}}, required {item.wording}",
            )
        elif item.measure == "error_rate":
            yield _alert(
                "ModelyardErrors",
                f"{_surely_above(name, item.confidence or 0.95)} > {item.bound:g}",
                "page",
                "{{ $labels.model }}:{{ $labels.version }} fails: at least {{ $value | humanizePercentage }} of its "
                f"answers, required {item.wording}",
            )


def _standing(name: str, requests: str) -> Iterator[Rule]:
    """What every model is watched for."""
    model, words = f'model="{name}"', "{{ $labels.model }}:{{ $labels.version }}"
    yield _alert(
        "ModelyardDrift",
        f"max by (model, version, feature) (modelyard_drifted{{{model}}}) == 1",
        "ticket",
        f"{words} is asked other things than it was made for, or answers otherwise: {{{{ $labels.feature }}}}",
    )
    yield _alert(
        "ModelyardNoTraffic",
        f"(sum(increase({_DURATION}_count{{{requests}}}[1h])) or vector(0)) == 0",
        "ticket",
        f"nobody asked {name} for an hour: nothing shows that it keeps its promises",
        model=name,
    )
    yield _alert(
        "ModelyardAbsent",
        f"absent(modelyard_workers{{{model}}})",
        "page",
        f"no server of {name} is seen",
        model=name,
    )
    yield _alert(
        "ModelyardNoWorkers",
        f"min by (model, version) (modelyard_workers{{{model}}}) == 0",
        "page",
        f"{words} has no worker process",
        lasts="1m",
    )
    for alert, metric, what in (
        ("ModelyardUnfit", f'modelyard_swaps_total{{{model},outcome="unfit"}}', "was found unfit to serve"),
        ("ModelyardRolledBack", f'modelyard_rollouts_total{{{model},outcome="rolled back"}}', "was rolled back"),
    ):
        summary = f"a new version of {name} {what}: see modelyard audit"
        yield _alert(alert, f"sum by (model) (increase({metric}[15m])) > 0", "ticket", summary, lasts="0m")


def _surely_above(name: str, confidence: float) -> str:
    """The lower end of Wilson's interval for the share of errors (:func:`modelyard.methods.intervals.wilson`)."""
    z = normal_quantile(confidence)
    rate, n = f'{_ERRORS}{{model="{name}"}}', f'{_REQUESTS}{{model="{name}"}}'
    spread = f"sqrt({rate} * (1 - {rate}) / {n} + {z * z / 4:.6g} / {n} ^ 2)"
    return f"({rate} + {z * z / 2:.6g} / {n} - {z:.6g} * {spread}) / (1 + {z * z:.6g} / {n})"


def _alert(alert: str, expr: str, severity: str, summary: str, *, lasts: str = WINDOW, **labels: str) -> Rule:
    return {
        "alert": alert,
        "expr": expr,
        "for": lasts,
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": summary},
    }
