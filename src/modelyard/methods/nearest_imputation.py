"""Fills gaps with the mean of the nearest rows that have a value there.

Troyanskaya et al., "Missing value estimation methods for DNA microarrays", Bioinformatics 17, 2001. The distance of
rows with gaps goes by the columns that both have, scaled up to all of them (Dixon, "Pattern recognition with partly
missing data", 1979). Arrays in, arrays out; NaN is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CELLS_AT_ONCE = 4_000_000
"""Distances that are held at a time."""


def distances(rows: Floats, others: Floats) -> Floats:
    """Euclidean distances over the columns that both rows have, times the root of the share that these are.

    Args:
        rows: (n, columns) with gaps.
        others: (m, columns) with gaps.

    Returns:
        (n, m); infinite where two rows have no column in common.
    """
    here, there = ~np.isnan(rows), ~np.isnan(others)
    left, right = np.where(here, rows, 0.0), np.where(there, others, 0.0)
    squares = left**2 @ there.T - 2 * left @ right.T + here @ (right**2).T
    common = here.astype(float) @ there.T
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.maximum(squares, 0.0) * rows.shape[1] / common
    return np.sqrt(np.where(common > 0, scaled, np.inf))


class NearestImputer:
    """Asks the rows that were kept for what a row lacks.

    Args:
        donors: (rows, columns) of those kept, None for a gap; each column has a number at least.
        scale: what each column is divided by before distances are taken.
        neighbours: how many of the nearest rows that have a value there are averaged.
    """

    def __init__(self, donors: Sequence[Sequence[float | None]], scale: Sequence[float], neighbours: int) -> None:
        self.donors = np.array(donors, dtype=np.float64)
        self.scale = np.asarray(scale, dtype=np.float64)
        self.neighbours = neighbours
        self.means = np.nanmean(self.donors, axis=0)

    def fill(self, values: Floats) -> Floats:
        """(rows, columns) without gaps; a row that has no column in common with any donor takes the means."""
        filled = values.copy()
        lacking = np.flatnonzero(np.isnan(values).any(axis=1))
        step = max(1, CELLS_AT_ONCE // len(self.donors))
        for start in range(0, len(lacking), step):
            rows = lacking[start : start + step]
            filled[rows] = self._filled(values[rows])
        return filled

    def _filled(self, rows: Floats) -> Floats:
        apart = distances(rows / self.scale, self.donors / self.scale)
        filled = rows.copy()
        for column in np.flatnonzero(np.isnan(rows).any(axis=0)):
            giving = np.flatnonzero(~np.isnan(self.donors[:, column]))
            gaps = np.flatnonzero(np.isnan(rows[:, column]))
            filled[gaps, column] = self._answers(apart[np.ix_(gaps, giving)], giving, int(column))
        return filled

    def _answers(self, apart: Floats, giving: NDArray[np.intp], column: int) -> Floats:
        """The mean of the nearest donors' values, given the distances to those that have one."""
        nearest = np.argsort(apart, axis=1, kind="stable")[:, : self.neighbours]
        reached = np.isfinite(np.take_along_axis(apart, nearest, axis=1))
        given = self.donors[giving[nearest], column] * reached
        counts = reached.sum(axis=1)
        return np.asarray(np.where(counts > 0, given.sum(axis=1) / np.maximum(counts, 1), self.means[column]))
