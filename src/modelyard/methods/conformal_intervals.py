"""Split conformal prediction of numbers: intervals that hold the truth as often as was asked for.

Whatever the model, if the rows that the interval is fitted to and those that are answered come from one source in
random order, an interval of level 1 - a holds the truth with a probability of at least 1 - a. It holds on average over
all rows, and over the draw of the fitted rows. Two shapes:

- ``constant``: the same width everywhere (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-free
  predictive inference for regression", algorithm 2).
- ``quantiles``: as wide above and below as errors are near that answer. Quantiles of the errors are taken over rows of
  like answers, and widened or narrowed by one margin that is fitted to other rows (conformalized quantile
  regression; Romano, Patterson and Candès 2019).

Knows answers and truths, no model; what it is told of a row is the answer alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from modelyard.methods import conformal

Method = Literal["constant", "quantiles"]
ROWS_OF_A_GROUP, MOST_GROUPS = 40, 10
"""Of ``quantiles``: rows of like answers whose quantiles are taken together, and how many such groups at most."""


@dataclass(frozen=True)
class Band:
    """How far below and above an answer the interval reaches: lines between knots, and a margin on both sides.

    Attributes:
        places: answers at which the reach is known, rising [knots].
        low: lower end less the answer there [knots].
        high: upper end less the answer there [knots].
        margin: what both ends are moved outwards by; may be negative.
    """

    places: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    margin: float

    def ends(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end for each answer, float64 [n] twice."""
        low = values + np.interp(values, self.places, self.low) - self.margin
        high = values + np.interp(values, self.places, self.high) + self.margin
        # A margin may shrink an interval to less than nothing: what is between its crossed ends can only add to what
        # it covers.
        return np.minimum(low, high), np.maximum(low, high)


def fit(values: np.ndarray, targets: np.ndarray, *, level: float, method: Method) -> Band:
    """The interval that ``level`` of new rows are to lie in; its margin is infinite where rows are too few.

    Args:
        values: answers to rows in random order [n].
        targets: their truths [n].
    """
    if method == "constant":
        return Band((0.0,), (0.0,), (0.0,), conformal.threshold(np.abs(targets - values), level))
    shape, rest = slice(0, None, 2), slice(1, None, 2)
    places, low, high = _quantiles(values[shape], (targets - values)[shape], level)
    errors, answers = (targets - values)[rest], values[rest]
    outside = np.maximum(np.interp(answers, places, low) - errors, errors - np.interp(answers, places, high))
    return Band(places, low, high, conformal.threshold(outside, level))


def fewest_rows(level: float, method: Method) -> int:
    """Rows that a finite margin takes."""
    return conformal.fewest_rows(level) * (1 if method == "constant" else 2)


def _quantiles(
    values: np.ndarray, errors: np.ndarray, level: float
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Median answer and outer quantiles of the errors of groups of rows with like answers."""
    order = np.argsort(values, kind="stable")
    count = int(np.clip(len(values) // ROWS_OF_A_GROUP, 1, MOST_GROUPS))
    groups = np.array_split(order, count)
    ends = (1 - level) / 2, (1 + level) / 2
    places = [float(np.median(values[group])) for group in groups]
    low, high = ([float(np.quantile(errors[group], end)) for group in groups] for end in ends)
    # Interpolation needs places that rise: of groups with one answer the widest stands for all.
    merged: dict[float, tuple[float, float]] = {}
    for place, below, above in zip(places, low, high, strict=True):
        known = merged.get(place, (below, above))
        merged[place] = (min(below, known[0]), max(above, known[1]))
    return tuple(merged), tuple(ends[0] for ends in merged.values()), tuple(ends[1] for ends in merged.values())
