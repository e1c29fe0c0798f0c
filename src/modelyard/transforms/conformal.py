"""The transform ``conformal`` of answers: beside the likeliest class, the set of those that may be right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelyard.core.transform import Row
from modelyard.methods import class_predictions, conformal


class Conformal:
    """Adds ``set``, the classes that the threshold lets in, likeliest first.

    Args:
        method: how badly a class fits is measured so.
        thresholds: one a class in the order of the predictions' scores; None for a class that is always in the set.
        level: what the sets promise.
    """

    def __init__(self, *, method: conformal.Method, thresholds: Sequence[float | None], level: float) -> None:
        self._method: conformal.Method = method
        self._thresholds = np.array([math.inf if value is None else value for value in thresholds])
        self.level = level

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        if not rows:
            return []
        inside = conformal.sets(class_predictions.probabilities(rows), self._method, self._thresholds)
        return [{**row, class_predictions.SET: _names(row, chosen)} for row, chosen in zip(rows, inside, strict=True)]


def _names(row: Row, chosen: np.ndarray) -> list[str]:
    scores = [(score, label) for (label, score), there in zip(row["scores"].items(), chosen, strict=True) if there]
    return [label for _, label in sorted(scores, key=lambda item: -item[0])]


TRANSFORM = Conformal
