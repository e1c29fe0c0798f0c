"""The rules of a release, applied to one request: rows that are blocked, rows that the model is asked for, answers.

Knows no HTTP route and no yard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.methods import class_predictions, number_predictions
from modelyard.methods.rules import Decision, Outcome, Rule
from modelyard.serve.desk import Answered
from modelyard.serve.hosting import Served
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError

_LARGE = 64 * 1024
"""Rows with more characters are judged in a thread, so that other requests do not wait for it."""


class Judged:
    """The rows of one request and what the rules say of each.

    Attributes:
        rows: as the caller sent them; a table's row is its columns.
        decisions: of each row, so far.
    """

    def __init__(self, served: Served, rows: Sequence[Row], metrics: Metrics) -> None:
        self._served, self._metrics, self.rows = served, metrics, rows
        self.decisions: list[Decision] = [Decision()] * len(rows)

    @property
    def asked(self) -> list[Row]:
        """The rows that the model is asked for."""
        return self._as_asked(answered=False)

    @property
    def spared(self) -> list[Row]:
        """The rows that a rule answers before the model is asked, as the model would be asked for them."""
        return self._as_asked(answered=True)

    def _as_asked(self, *, answered: bool) -> list[Row]:
        """Those rows that a rule answers, or those that none does."""
        if self._served.hosted.serving.rules:
            pairs = zip(self.rows, self.decisions, strict=True)
            rows = [row for row, decision in pairs if (decision.answering is not None) == answered]
        else:
            rows = [] if answered else list(self.rows)
        return [{"features": row} for row in rows] if "features" in self._served.task.abilities else rows

    async def before(self) -> None:
        """Apply the rules on rows alone.

        Raises:
            RefusalError: 403, a rule blocks a row; then nothing of the request is answered.
        """
        serving = self._served.hosted.serving
        if not serving.rules:
            return
        if sum(len(value) for row in self.rows for value in row.values() if isinstance(value, str)) > _LARGE:
            self.decisions = await asyncio.to_thread(lambda: [serving.before(row) for row in self.rows])
        else:
            self.decisions = [serving.before(row) for row in self.rows]
        self._count(self.decisions)

    def after(self, predictions: Sequence[Prediction]) -> list[Prediction]:
        """The answers to all rows, after the rules that look at them.

        Args:
            predictions: the model's, for the rows that it was asked for.

        Raises:
            RefusalError: 403, a rule blocks an answer.
        """
        if not self._served.hosted.serving.rules:
            return list(predictions)
        rest = iter(predictions)
        later = [Decision()] * len(self.rows)
        answers: list[Prediction] = []
        for number, (row, decision) in enumerate(zip(self.rows, self.decisions, strict=True)):
            answer = self._answer(decision.answering) if decision.answering else next(rest)
            if decision.rule is None:
                found = later[number] = self._served.hosted.serving.after(row, answer)
                self.decisions[number] = decision.then(found)
                answer = self._answer(found.answering) if found.answering else answer
            answers.append(answer)
        self._count(later)
        return answers

    def _answer(self, rule: Rule) -> Prediction:
        """The rule's answer in the form of the model's."""
        model = self._served.model
        answer = rule.prediction(model.labels)
        if class_predictions.gives_sets(model):
            return {**answer, class_predictions.SET: [answer["label"]]}
        if number_predictions.gives_intervals(model):
            return {**answer, number_predictions.LOW: answer["value"], number_predictions.HIGH: answer["value"]}
        return answer

    def answered(self, answers: Sequence[Prediction], request: str, asker: str) -> Answered:
        """What the desk takes for review."""
        served = self._served
        return Answered(
            served.model,
            served.hosted.serving,
            served.name,
            served.version,
            request,
            asker,
            self.rows,
            self.decisions,
            answers,
        )

    def marks(self) -> dict[str, str]:
        """Which rule decided which row, as parameters of the answer."""
        return {f"rule.{n}": decision.rule.name for n, decision in enumerate(self.decisions) if decision.rule}

    def _count(self, decisions: Sequence[Decision]) -> None:
        """Count what the rules did, and refuse what they block."""
        counter, name = self._metrics.rules, self._served.name
        for decision in decisions:
            for review in decision.reviews:
                counter.labels(name, review, Outcome.REVIEW).inc()
            if decision.rule is not None:
                counter.labels(name, decision.rule.name, decision.rule.outcome).inc()
        for number, decision in enumerate(decisions):
            if decision.rule is not None and decision.outcome is Outcome.BLOCK:
                raise RefusalError(
                    403,
                    f"row {number} is blocked by the rule {decision.rule.name!r}",
                    fix="leave the row out, or ask whoever runs the server",
                    code="blocked_by_rule",
                )
