"""The transform ``temperature`` of answers: probabilities scaled as ``calibrate temperature`` found them right."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.transform import Row
from modelyard.methods import class_predictions, temperature


class Temperature:
    """Scales the probabilities of classifiers' predictions.

    Args:
        temperature: as in :func:`modelyard.methods.temperature.scale`.
    """

    def __init__(self, *, temperature: float) -> None:
        self._temperature = temperature

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        return class_predictions.rescale(rows, lambda given: temperature.scale(given, self._temperature))


TRANSFORM = Temperature
