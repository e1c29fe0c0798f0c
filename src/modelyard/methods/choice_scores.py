"""Scores of multiple-choice questions from the log-likelihood of each choice, as lm-evaluation-harness defines them.

``acc`` takes the likeliest choice, ``acc_norm`` the one of the largest log-likelihood a character, which does not
favour short ones. Knows numbers, no texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.proportions import proportion

MEASURES = ("acc", "acc_norm")


@dataclass(frozen=True)
class Judged:
    """One question: log-likelihood and characters of each choice, and the number of the right one."""

    logprobs: Sequence[float]
    lengths: Sequence[int]
    target: int

    @property
    def right(self) -> tuple[bool, bool]:
        """Whether ``acc`` and ``acc_norm`` count it."""
        plain = int(np.argmax(self.logprobs))
        normed = int(np.argmax(np.array(self.logprobs) / np.maximum(1, np.array(self.lengths))))
        return plain == self.target, normed == self.target


def judge(tasks: Mapping[str, Sequence[Judged]], *, confidence: float) -> Findings:
    """Accuracies of each task and of all questions together, with Wilson's intervals.

    Args:
        tasks: task → its questions, at least one.
        confidence: of the intervals.
    """
    every = [item for each in tasks.values() for item in each]
    measures = _accuracies(every, confidence)
    rows: list[list[str | float | int | None]] = []
    for name, each in tasks.items():
        found = _accuracies(each, confidence)
        measures |= {f"{key}:{name}": measure for key, measure in found.items()}
        chance = float(np.mean([1 / len(item.logprobs) for item in each]))
        rows.append([name, len(each), found["acc"].value, found["acc_norm"].value, chance])
    table = Table("Tasks", ["task", "questions", "acc", "acc_norm", "by chance"], rows)
    series = [_bars(name, measures, list(tasks)) for name in MEASURES]
    figure = Figure("Accuracy by task", "bar", "", "share of the questions", series)
    return Findings(measures, [table], [figure])


def _accuracies(questions: Sequence[Judged], confidence: float) -> dict[str, Measure]:
    n, right = len(questions), np.array([item.right for item in questions])
    hits = {name: int(right[:, place].sum()) for place, name in enumerate(MEASURES)}
    return {name: proportion(hit, n, confidence) for name, hit in hits.items()}


def _bars(name: str, measures: Mapping[str, Measure], tasks: Sequence[str]) -> Series:
    each = [measures[f"{name}:{task}"] for task in tasks]
    return Series(
        name,
        tasks,
        [item.value for item in each],
        [item.low or 0.0 for item in each],
        [item.high or 1.0 for item in each],
    )
