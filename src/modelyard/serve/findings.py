"""What a version that is served is watched for, as it stands: a measure, its bound and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.report import Measure
from modelyard.core.requirement import Verdict


@dataclass(frozen=True)
class Finding:
    """One thing that a version is watched for, as it stands.

    Attributes:
        alert: name of the alarm, that of the Prometheus rule for the same (:mod:`modelyard.serve.alert_rules`).
        model: name, with its ``version``.
        measure: what was measured, in the words of ``require:``; a drift's is its method, of the ``feature``.
        window: seconds that it was measured over; None where it is how things stand now.
    """

    alert: str
    severity: str
    model: str
    version: str
    measure: str
    bound: str
    found: Measure
    verdict: Verdict
    window: float | None = None
    feature: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.alert, self.model, self.version, self.feature)

    @property
    def summary(self) -> str:
        """One line for a person."""
        what = f"{self.measure} of {self.feature}" if self.feature else self.measure
        value = "unknown" if self.found.value is None else f"{self.found.value:.4g}"
        unit = f" {self.found.unit}" if self.found.unit else ""
        return f"{self.model}:{self.version}: {what} is {value}{unit}, required {self.bound}"

    def to_json(self) -> dict[str, Any]:
        """For whoever asks how things stand."""
        return {
            "measure": self.measure,
            **({"feature": self.feature} if self.feature else {}),
            "bound": self.bound,
            "value": self.found.value,
            "low": self.found.low,
            "high": self.found.high,
            "n": self.found.n,
            "unit": self.found.unit,
            "window_seconds": self.window,
            "verdict": self.verdict.value,
        }


class Standing:
    """The findings of one version as they were last judged."""

    def __init__(self) -> None:
        self.findings: Sequence[Finding] = ()
