"""The transform ``interval`` of answers: beside a predicted number, where the truth lies as often as was promised."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.transform import Row
from modelyard.methods import number_predictions
from modelyard.methods.conformal_intervals import Band


class Interval:
    """Adds ``low`` and ``high``.

    Args:
        places: as those of :class:`Band`, and so low, high and margin.
        level: what the intervals promise.
    """

    def __init__(
        self,
        *,
        places: Sequence[float],
        low: Sequence[float],
        high: Sequence[float],
        margin: float,
        level: float,
    ) -> None:
        self._band = Band(tuple(places), tuple(low), tuple(high), margin)
        self.level = level

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        low, high = self._band.ends(number_predictions.values(rows))
        return [
            {**row, number_predictions.LOW: float(below), number_predictions.HIGH: float(above)}
            for row, below, above in zip(rows, low, high, strict=True)
        ]


TRANSFORM = Interval
