"""Tries rules on rows that are kept, before they go live: what each would hit, and what it would change.

Asks the model for every row, also where a rule would answer, so that both answers are known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.predictor import Predictor
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.methods.rules import Decision, Outcome, Rule, Serving

EXAMPLES = 5


@dataclass(frozen=True)
class RuleTrial:
    """What one rule does.

    Attributes:
        rows: it decides about, or sends to a review.
        changed: of these, whose answer would be another, or none.
        examples: numbers of the first rows in their source.
    """

    rule: Rule
    rows: int
    changed: int
    examples: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        facts = {"name": self.rule.name, "when": self.rule.when.text, "outcome": str(self.rule.outcome)}
        return {**facts, "rows": self.rows, "changed": self.changed, "examples": list(self.examples)}


@dataclass(frozen=True)
class Trial:
    """What all rules together do.

    Attributes:
        blocked: rows that would get no answer.
        reviewed: rows that a person would be shown for their score or for a rule, not by chance.
        judged: rows that carry their right answer and are not blocked.
        before: accuracy of the model over all rows (for numbers, the mean absolute error); None where none is judged.
        after: the same of what would be answered, over the rows that are.
    """

    rows: int
    rules: tuple[RuleTrial, ...]
    blocked: int
    reviewed: int
    judged: int
    measure: str
    before: float | None
    after: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "rules": [rule.to_json() for rule in self.rules],
            "blocked": self.blocked,
            "reviewed": self.reviewed,
            "measure": self.measure,
            "before": self.before,
            "after": self.after,
            "judged": self.judged,
        }


def try_rules(serving: Serving, predictor: Predictor, data: Dataset, split: str) -> Trial:
    """Judge each row of a split, and its answer.

    Raises:
        InputError: the model cannot answer the rows.
    """
    rows, answers = data.rows(split), predictor.predict_split(data, split)
    shown = [row.get("features", row) for row in rows]
    decisions = [serving.judge(row, answer) for row, answer in zip(shown, answers, strict=True)]
    labels, target = predictor.model.labels, predictor.task.target or ""
    given = [
        decision.answering.prediction(labels) if decision.answering else answer
        for decision, answer in zip(decisions, answers, strict=True)
    ]
    changed = [
        decision.outcome is Outcome.BLOCK or _said(old) != _said(new)
        for decision, old, new in zip(decisions, answers, given, strict=True)
    ]
    kept = [number for number, decision in enumerate(decisions) if decision.outcome is not Outcome.BLOCK]
    judged = [number for number in kept if rows[number].get(target) is not None]
    return Trial(
        rows=len(rows),
        rules=tuple(_trial(rule, decisions, changed, rows) for rule in serving.rules),
        blocked=len(rows) - len(kept),
        reviewed=sum(_is_reviewed(serving, d, a) for d, a in zip(decisions, given, strict=True)),
        judged=len(judged),
        measure="accuracy" if labels else "mean absolute error",
        before=_quality(rows, answers, target, range(len(rows))),
        after=_quality(rows, given, target, judged),
    )


def _trial(rule: Rule, decisions: Sequence[Decision], changed: Sequence[bool], rows: Sequence[Row]) -> RuleTrial:
    hit = [n for n, decision in enumerate(decisions) if decision.rule is rule or rule.name in decision.reviews]
    counts = Counter(changed[number] for number in hit if decisions[number].rule is rule)
    return RuleTrial(rule, len(hit), counts[True], tuple(int(rows[number]["row"]) for number in hit[:EXAMPLES]))


def _is_reviewed(serving: Serving, decision: Decision, answer: Prediction) -> bool:
    if decision.outcome is Outcome.BLOCK:
        return False
    below = serving.review.confidence_below if serving.review else 0.0
    return bool(decision.reviews) or answer.get("score", 1.0) < below


def _said(answer: Prediction) -> Any:
    return answer.get("label", answer.get("value"))


def _quality(rows: Sequence[Row], answers: Sequence[Prediction], target: str, numbers: Sequence[int]) -> float | None:
    pairs = [(_said(answers[n]), rows[n][target]) for n in numbers if rows[n].get(target) is not None]
    if not pairs:
        return None
    if isinstance(pairs[0][1], str):
        return float(sum(said == right for said, right in pairs) / len(pairs))
    return float(sum(abs(said - right) for said, right in pairs) / len(pairs))
