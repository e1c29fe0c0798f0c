"""What a model answers when only some parts of a row are there: the one question of every black-box explanation.

Sets that were asked before are not asked again, and rows go to the model many at once, so that it can put those of
like length together. Knows no method of explaining, and no model: it is given a function that answers rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modelyard.core.task import DivisibleTask, Prediction, Units
from modelyard.core.transform import Row

ROWS_AT_ONCE = 2048

Value = Callable[[np.ndarray], np.ndarray]
"""bool [n, units], true for a part that is there → the model's answer as a number, float64 [n]."""

Ask = Callable[[Sequence[Row]], Sequence[Prediction]]


class Coalitions:
    """The answer to one row with any set of its parts.

    Args:
        label: the class whose probability is the answer; None for the value that the model predicts.
        references: rows whose values stand where a part is left out; the answer is the mean over them. None among
            them leaves it to the task.
        ask: answers rows.
    """

    def __init__(
        self,
        task: DivisibleTask,
        processor: Any,
        row: Row,
        units: Units,
        *,
        label: str | None,
        references: Sequence[Row | None],
        ask: Ask,
    ) -> None:
        self._task, self._processor, self._row, self._units = task, processor, row, units
        self._label, self._references, self._ask = label, references, ask
        self._known: dict[bytes, float] = {}

    def __call__(self, kept: np.ndarray) -> np.ndarray:
        """float64 [n] for bool [n, units]."""
        keys = [key.tobytes() for key in np.packbits(kept, axis=1)]
        new = {key: number for number, key in enumerate(keys) if key not in self._known}
        if new:
            answers = self._answers(kept[list(new.values())])
            self._known |= dict(zip(new, answers.tolist(), strict=True))
        return np.array([self._known[key] for key in keys])

    @property
    def asked(self) -> int:
        """Different sets that the model was asked about."""
        return len(self._known)

    def _answers(self, kept: np.ndarray) -> np.ndarray:
        total = np.zeros(len(kept))
        for reference in self._references:
            for start in range(0, len(kept), ROWS_AT_ONCE):
                part = kept[start : start + ROWS_AT_ONCE]
                rows = self._task.mask(self._processor, self._row, self._units, part, reference)
                total[start : start + ROWS_AT_ONCE] += [answer_of(item, self._label) for item in self._ask(rows)]
        return total / len(self._references)


def answer_of(prediction: Prediction, label: str | None) -> float:
    """The probability of a class, or the predicted value."""
    return float(prediction["value"] if label is None else prediction["scores"][label])


def leading(order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The first so many parts of an order, bool [counts, units]."""
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return np.asarray(rank < counts[:, None])


def ends(value: Value, units: int) -> tuple[float, float]:
    """The answer with no part there, and with all."""
    base, whole = value(np.array([[False] * units, [True] * units]))
    return float(base), float(whole)
