"""Fills each gap in a column with one number: the mean, the median or the most frequent one of what was seen.

Arrays in, arrays out; NaN is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Statistic = Literal["mean", "median", "mode"]


def fit(values: Floats, statistic: Statistic) -> Floats:
    """The number that stands for a gap in each column.

    Args:
        values: (rows, columns); each column has a number at least.
        statistic: of equally frequent numbers the mode is the smallest.

    Returns:
        (columns,)
    """
    if statistic == "mean":
        return np.asarray(np.nanmean(values, axis=0))
    if statistic == "median":
        return np.asarray(np.nanmedian(values, axis=0))
    return np.array([_mode(column[~np.isnan(column)]) for column in values.T])


def _mode(column: Floats) -> float:
    found, counts = np.unique(column, return_counts=True)
    return float(found[counts.argmax()])


class ConstantImputer:
    """Puts the fitted numbers into the gaps.

    Args:
        fill: one for each column.
    """

    def __init__(self, fill: Sequence[float]) -> None:
        self.fill_values = np.asarray(fill, dtype=np.float64)

    def fill(self, values: Floats) -> Floats:
        """(rows, columns) without gaps; what was there stays."""
        return np.where(np.isnan(values), self.fill_values, values)
