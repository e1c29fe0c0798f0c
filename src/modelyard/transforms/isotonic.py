"""The transform ``isotonic`` of answers: probabilities bent as ``calibrate isotonic`` found them right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.core.transform import Row
from modelyard.methods import class_predictions, isotonic


class Isotonic:
    """Bends the probabilities of classifiers' predictions.

    Args:
        curves: ``x`` and ``y`` of each class in the order of the predictions' scores; of two classes that of the
            second alone.
    """

    def __init__(self, *, curves: Sequence[Mapping[str, Sequence[float]]]) -> None:
        self._curves = [isotonic.Curve(curve["x"], curve["y"]) for curve in curves]

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        return class_predictions.rescale(rows, lambda given: isotonic.scale(given, self._curves))


TRANSFORM = Isotonic
