"""What a server does beside asking the model: rules on rows and answers, what a person is shown, who is told.

Knows no HTTP, no yard and no model: a row and its answer are mappings.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.methods.expression import Expression

OUTPUTS_OF_LABELS = ("label", "score", "scores")
OUTPUTS_OF_NUMBERS = ("value",)


class Outcome(StrEnum):
    """What a rule has done."""

    ALLOW = "allow"
    BLOCK = "block"
    REVIEW = "review"
    ANSWER = "answer"


@dataclass(frozen=True)
class Rule:
    """A condition and what follows where it holds.

    Attributes:
        name: for metrics, answers and reviews.
        answer: the class or the number that is answered, for the outcome ``answer``.
    """

    name: str
    when: Expression
    outcome: Outcome
    answer: str | float | None = None

    def prediction(self, labels: Collection[str]) -> dict[str, Any]:
        """The rule's answer in the form of the model's: a class with all the probability, or a number.

        Args:
            labels: of the model, in the order of its outputs.
        """
        if isinstance(self.answer, int | float):
            return {"value": float(self.answer)}
        scores = {label: float(label == self.answer) for label in labels}
        return {"label": self.answer, "score": 1.0, "scores": scores}


@dataclass(frozen=True)
class Decision:
    """What the rules say of one row.

    Attributes:
        rule: the one that decided, if any did; its outcome is ``allow``, ``block`` or ``answer``.
        reviews: names of the rules that want a person to look.
    """

    rule: Rule | None = None
    reviews: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        return self.rule.outcome if self.rule else None

    @property
    def answering(self) -> Rule | None:
        """The rule, if it answers in the model's place."""
        return self.rule if self.outcome is Outcome.ANSWER else None

    def then(self, later: Decision) -> Decision:
        """This decision, and where none was made, a later one."""
        return self if self.rule else Decision(later.rule, (*self.reviews, *later.reviews))


@dataclass(frozen=True)
class Review:
    """Which answers a person is shown, beside those that a rule names.

    Attributes:
        confidence_below: answers with a lower score.
        sample: share of all answers, chosen by chance.
    """

    confidence_below: float = 0.0
    sample: float = 0.0

    def reason(self, answer: Mapping[str, Any], chance: random.Random) -> str | None:
        """Why an answer is shown; None where it is not."""
        # First, so that those chosen by chance stand for all answers, the uncertain ones too.
        if self.sample and chance.random() < self.sample:
            return "sample"
        return "confidence" if answer.get("score", 1.0) < self.confidence_below else None


@dataclass(frozen=True)
class Told:
    """Who is told of alarms.

    Attributes:
        webhook: address that messages are sent to.
        plain_http: whether http to another machine is meant.
    """

    webhook: str
    plain_http: bool = False


@dataclass(frozen=True)
class Serving:
    """What a recipe says under ``serve``.

    Attributes:
        feedback: whether callers may send the right answer afterwards.
        alarms: who is told that the release does not keep its promises.
    """

    rules: tuple[Rule, ...] = ()
    review: Review | None = None
    feedback: bool = False
    alarms: Told | None = None

    @property
    def reviews(self) -> bool:
        """Whether anything of it leads to a review."""
        return self.review is not None or self.feedback or any(rule.outcome is Outcome.REVIEW for rule in self.rules)

    def before(self, row: Mapping[str, Any]) -> Decision:
        """What the rules on rows alone say, before the model is asked."""
        return _decide([rule for rule in self.rules if not rule.when.of_outputs], row)

    def after(self, row: Mapping[str, Any], answer: Mapping[str, Any]) -> Decision:
        """What the rules that look at the answer say of a row that no other rule has decided."""
        return _decide([rule for rule in self.rules if rule.when.of_outputs], {**row, **answer})

    def judge(self, row: Mapping[str, Any], answer: Mapping[str, Any]) -> Decision:
        """What all rules say of a row and its answer."""
        decision = self.before(row)
        return decision if decision.rule else decision.then(self.after(row, answer))

    def check(self, inputs: Collection[str], labels: Collection[str]) -> None:
        """See that a model has what the rules speak of.

        Args:
            inputs: roles of a row, or columns of a table.
            labels: class names; none where the model gives a number.

        Raises:
            InputError: names the rule.
        """
        outputs = OUTPUTS_OF_LABELS if labels else OUTPUTS_OF_NUMBERS
        for rule in self.rules:
            try:
                rule.when.check_names(inputs, outputs)
                wanted = [*sorted(rule.when.labels), *([rule.answer] if isinstance(rule.answer, str) else [])]
                for label in wanted:
                    if label not in labels:
                        raise InputError(f"the model knows no class {label!r}", fix=suggestion(label, labels))
            except InputError as error:
                raise InputError(f"rule {rule.name!r}: {error.what}", expected=error.expected, fix=error.fix) from None


def _decide(rules: Collection[Rule], values: Mapping[str, Any]) -> Decision:
    """The first rule that holds decides; those for a review only note it."""
    reviews: list[str] = []
    for rule in rules:
        if not rule.when.holds(values):
            continue
        if rule.outcome is not Outcome.REVIEW:
            return Decision(rule, tuple(reviews))
        reviews.append(rule.name)
    return Decision(None, tuple(reviews))
