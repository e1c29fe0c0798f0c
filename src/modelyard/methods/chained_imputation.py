"""Fills gaps by regressions that take turns: each column is predicted from all the others, round after round.

Van Buuren and Groothuis-Oudshoorn, "mice: Multivariate imputation by chained equations in R", Journal of Statistical
Software 45, 2011, with one imputation and ridge regression, as scikit-learn's ``IterativeImputer`` does it. What is
learned on the training rows is done to other rows in the same order. Arrays in, arrays out; NaN is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class ChainedImputer:
    """The regressions of all rounds.

    Args:
        mean: (columns,) of what was seen; gaps begin there.
        deviation: (columns,) of what was seen; regressions work on standardized columns.
        order: (columns,) numbers of the columns as they take turns.
        coefficients: (rounds, columns, columns + 1): for each turn a factor for each column, zero for the one
            that is predicted, and the constant.
    """

    def __init__(
        self,
        mean: Sequence[float],
        deviation: Sequence[float],
        order: Sequence[int],
        coefficients: Sequence[Sequence[Sequence[float]]],
    ) -> None:
        self.mean, self.deviation = np.asarray(mean), np.asarray(deviation)
        self.order = [int(column) for column in order]
        self.coefficients = np.asarray(coefficients, dtype=np.float64)

    def fill(self, values: Floats) -> Floats:
        """(rows, columns) without gaps; what was there stays."""
        gaps = np.isnan(values)
        if not gaps.any():
            return values
        scaled = np.where(gaps, 0.0, (values - self.mean) / self.deviation)
        for turns in self.coefficients:
            for column, factors in zip(self.order, turns, strict=True):
                rows = gaps[:, column]
                scaled[rows, column] = scaled[rows] @ factors[:-1] + factors[-1]
        return np.where(gaps, scaled * self.deviation + self.mean, values)


def fit(values: Floats, *, rounds: int, l2: float) -> ChainedImputer:
    """Learn the regressions on the rows to learn from.

    Args:
        values: (rows, columns); each column has a number at least.
        rounds: times that each column takes its turn; columns with fewer gaps come first.
        l2: penalty on the squared factors.
    """
    gaps = np.isnan(values)
    mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    scaled = np.where(gaps, 0.0, (values - mean) / deviation)
    order = np.argsort(gaps.mean(axis=0), kind="stable")
    coefficients = np.zeros((rounds, len(order), len(order) + 1))
    for turns in coefficients:
        for factors, column in zip(turns, order, strict=True):
            others, seen = np.arange(len(order)) != column, ~gaps[:, column]
            factors[:-1][others], factors[-1] = _ridge(scaled[seen][:, others], scaled[seen, column], l2)
            scaled[~seen, column] = scaled[~seen] @ factors[:-1] + factors[-1]
    return ChainedImputer(mean.tolist(), deviation.tolist(), order.tolist(), coefficients.tolist())


def _ridge(inputs: Floats, targets: Floats, l2: float) -> tuple[Floats, float]:
    """Factors and constant of a ridge regression; the constant is not penalized."""
    centre, target = inputs.mean(axis=0), float(targets.mean())
    centred = inputs - centre
    gram = centred.T @ centred + l2 * np.eye(inputs.shape[1])
    factors = np.linalg.solve(gram, centred.T @ (targets - target))
    return factors, target - float(centre @ factors)
