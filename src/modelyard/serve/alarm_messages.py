"""An alarm as programs for alarms read it: the message of Prometheus' Alertmanager to a webhook, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. What is a number stands once more as one,
under ``modelyard`` of each alarm. No text of a request is in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from modelyard.serve.alarms import Alarm

VERSION = "4"
RECEIVER = "modelyard"
_NEVER = "0001-01-01T00:00:00Z"
"""The end of what goes on, as Alertmanager has it."""


def message(alarm: Alarm, url: str = "") -> dict[str, Any]:
    """The message for one alarm.

    Args:
        url: where the server is asked for more.
    """
    labels, notes = _labels(alarm), _annotations(alarm)
    status = "firing" if alarm.firing else "resolved"
    key = f"{{}}/{{}}:{{{', '.join(f'{name}={value!r}' for name, value in sorted(labels.items()))}}}"
    alert = {
        "status": status,
        "labels": labels,
        "annotations": notes,
        "startsAt": _time(alarm.started),
        "endsAt": _NEVER if alarm.ended is None else _time(alarm.ended),
        "generatorURL": url,
        "fingerprint": hashlib.sha256(key.encode()).hexdigest()[:16],
        "modelyard": _numbers(alarm),
    }
    return {
        "version": VERSION,
        "groupKey": key,
        "truncatedAlerts": 0,
        "status": status,
        "receiver": RECEIVER,
        "groupLabels": labels,
        "commonLabels": labels,
        "commonAnnotations": notes,
        "externalURL": url,
        "alerts": [alert],
    }


def _labels(alarm: Alarm) -> Mapping[str, str]:
    """What tells one alarm from another."""
    item = alarm.finding
    labels = {
        "alertname": item.alert,
        "severity": item.severity,
        "model": item.model,
        "version": item.version,
        "measure": item.measure,
    }
    return labels | ({"feature": item.feature} if item.feature else {})


def _annotations(alarm: Alarm) -> Mapping[str, str]:
    return {"summary": alarm.finding.summary, "bound": alarm.finding.bound}


def _numbers(alarm: Alarm) -> dict[str, Any]:
    item = alarm.finding
    return {
        "measure": item.measure,
        "bound": item.bound,
        "value": item.found.value,
        "low": item.found.low,
        "high": item.found.high,
        "n": item.found.n,
        "unit": item.found.unit,
        "window_seconds": item.window,
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
