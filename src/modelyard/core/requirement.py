"""A requirement: a measure's name and a bound, judged with three outcomes.

The same object is a search goal while building, a gate before release and an objective in
production. Knows measures, not where they come from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.core.report import Measure

_BOUND = re.compile(r"\s*(<=|>=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
_KEYS = ("at_least", "at_most", "max_drop", "max_rise", "against", "confidence")
_EXPECTED = "'>= 0.9', '<= 15', {at_least: 0.9, confidence: 0.95} or {max_drop: 0.005, against: base}"


LIVE_ONLY = frozenset({"error_rate", "error_rate_rise", "latency_p95_ratio", "prediction_shift", "drifted_features"})
"""Measures that nothing but traffic shows: a recipe may bound them, and the server judges them."""

SHARES = frozenset(
    {
        *("accuracy", "precision", "recall", "f1", "precision_macro", "recall_macro", "f1_macro", "f1_micro"),
        *("roc_auc", "pr_auc", "agreement", "token_accuracy", "exact_match", "acc", "acc_norm"),
        *("averaged_accuracy", "accuracy_at_coverage", "set_coverage", "interval_coverage"),
        *("robust_accuracy", "unattacked_accuracy", "attack_success", "detection_auc", "detection_rate"),
        *("prompt_resistance", "membership_auc", "membership_caught"),
    }
)
"""Measures from 0 to 1, which people also write in per cent."""


class Verdict(StrEnum):
    MET = "met"
    NOT_MET = "not met"
    INCONCLUSIVE = "inconclusive"
    IN_PRODUCTION = "judged in production"
    """A build cannot judge it; it neither passes nor fails."""


@dataclass(frozen=True)
class Requirement:
    """A bound on one measure.

    ``at_least`` and ``at_most`` bound the measure itself; ``max_drop`` and ``max_rise`` bound how far
    it may be below or above the reference ``against``. Without ``confidence`` the value is judged;
    with it, the end of the interval that is nearer to failing.
    """

    measure: str
    sense: str
    bound: float
    confidence: float | None = None
    against: str | None = None

    @property
    def relative(self) -> bool:
        return self.against is not None

    @property
    def upward(self) -> bool:
        """Whether more is better."""
        return self.sense == "at_least"

    @property
    def wording(self) -> str:
        """The bound in words, as shown in tables."""
        if self.relative:
            word = "drop" if self.sense == "max_drop" else "rise"
            text = f"{word} <= {self.bound:g} against {self.against}"
        else:
            text = f"{'>=' if self.sense == 'at_least' else '<='} {self.bound:g}"
        return f"{text} ({self.confidence:.0%} sure)" if self.confidence else text

    @property
    def in_per_cent(self) -> bool:
        """Whether a share is bounded as if it were in per cent: no model can meet it."""
        return self.sense == "at_least" and self.bound >= 2 and self.measure.partition(":")[0] in SHARES

    @staticmethod
    def parse(measure: str, value: object) -> Requirement:
        """Read what a recipe says of one measure.

        Raises:
            InputError: the bound is not of a form that can be judged.
        """
        if isinstance(value, str):
            match = _BOUND.fullmatch(value)
            if not match:
                raise _unreadable(measure, value)
            sense = "at_least" if match[1] == ">=" else "at_most"
            return Requirement(measure, sense, float(match[2]))
        if isinstance(value, Mapping):
            return _parse_mapping(measure, value)
        raise _unreadable(measure, value)

    @property
    def live_only(self) -> bool:
        """Whether no build can judge it."""
        return self.measure in LIVE_ONLY and not self.relative

    def judge(self, measures: Mapping[str, Measure]) -> Judgement:
        """Met, not met or inconclusive; judged in production, where only traffic shows the measure and none is there.

        Args:
            measures: for an absolute bound the measure itself; for a relative one the measure
                ``NAME_drop`` (reference minus value), with the interval of the paired difference.
        """
        found = measures.get(self.measured)
        if found is None and self.live_only:
            return Judgement(self, None, Verdict.IN_PRODUCTION)
        if found is None or found.value is None:
            return Judgement(self, found, Verdict.INCONCLUSIVE)
        sign = -1.0 if self.sense == "max_rise" else 1.0
        value = sign * found.value
        if self.confidence is None:
            met = value >= self.bound if self.upward else value <= self.bound
            return Judgement(self, found, Verdict.MET if met else Verdict.NOT_MET)
        if found.confidence < self.confidence:
            return Judgement(self, found, Verdict.INCONCLUSIVE)
        # An end that is unknown may be anywhere: the other one may still be beyond the bound.
        low = -math.inf if found.low is None else found.low
        high = math.inf if found.high is None else found.high
        low, high = (low, high) if sign > 0 else (-high, -low)
        worst, best = (low, high) if self.upward else (-high, -low)
        bound = self.bound if self.upward else -self.bound
        verdict = Verdict.MET if worst >= bound else Verdict.NOT_MET if best < bound else Verdict.INCONCLUSIVE
        return Judgement(self, found, verdict)

    @property
    def measured(self) -> str:
        """The name under which the number that is judged stands among the measures."""
        return f"{self.measure}_drop" if self.relative else self.measure


@dataclass(frozen=True)
class Judgement:
    """A requirement with the number that was found and the outcome."""

    requirement: Requirement
    found: Measure | None
    verdict: Verdict

    @property
    def stands(self) -> bool:
        """Whether nothing is left to do for it before a release: it is met, or not a build's to judge."""
        return self.verdict in (Verdict.MET, Verdict.IN_PRODUCTION)

    @property
    def reached(self) -> float | None:
        """The strictest bound that would be met: the value, or with ``confidence`` the worse end of its interval."""
        if self.found is None or self.found.value is None:
            return None
        sign = -1.0 if self.requirement.sense == "max_rise" else 1.0
        certain = self.requirement.confidence is not None
        ends = [self.found.low, self.found.high] if certain else [self.found.value]
        known = [sign * end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        return min(known) if self.requirement.upward else max(known)

    @property
    def shortfall(self) -> float:
        """How far it is from meeting the bound, as a share of the bound; 0 where it stands, infinite where unknown."""
        if self.stands:
            return 0.0
        bound = self.requirement.bound
        return math.inf if self.reached is None else abs(self.reached - bound) / (abs(bound) or 1.0)

    def to_json(self) -> dict[str, Any]:
        found = self.found or Measure(None)
        return {
            "measure": self.requirement.measure,
            "bound": self.requirement.wording,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "n": found.n,
            "unit": found.unit,
            "verdict": self.verdict.value,
        }


def overall(judgements: Iterable[Judgement]) -> Verdict:
    """Not met if any is not met, else inconclusive if any is, else met; those of production are left out."""
    verdicts = {judgement.verdict for judgement in judgements}
    for verdict in (Verdict.NOT_MET, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.MET


def _parse_mapping(measure: str, value: Mapping[Any, Any]) -> Requirement:
    for key in value:
        if key not in _KEYS:
            raise InputError(f"require: {measure}: unknown key {key!r}", fix=suggestion(str(key), _KEYS))
    senses = [key for key in _KEYS[:4] if key in value]
    if len(senses) != 1:
        raise InputError(
            f"require: {measure}: {len(senses)} bounds given", expected="exactly one of " + ", ".join(_KEYS[:4])
        )
    sense = senses[0]
    against = value.get("against", "base") if sense.startswith("max_") else None
    if "against" in value and against is None:
        raise InputError(f"require: {measure}: 'against' goes with max_drop or max_rise", expected=_EXPECTED)
    if against is not None and not isinstance(against, str):
        raise InputError(f"require: {measure}: against: {against!r}", expected="base, or yard:name@alias")
    bound = _number(measure, sense, value[sense])
    confidence = _number(measure, "confidence", value["confidence"]) if "confidence" in value else None
    if confidence is not None and not 0.5 <= confidence < 1:
        raise InputError(f"require: {measure}: confidence: {confidence:g}", expected="a number from 0.5 to below 1")
    return Requirement(measure, sense, bound, confidence, against)


def _number(measure: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"require: {measure}: {key}: {value!r}", expected="a finite number")
    return float(value)


def _unreadable(measure: str, value: object) -> InputError:
    return InputError(f"require: {measure}: cannot read the bound {value!r}", expected=_EXPECTED)
