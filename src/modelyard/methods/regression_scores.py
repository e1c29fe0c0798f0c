"""Scores of predicted numbers, each with a bootstrap interval, and the paired comparison of two models.

Root mean squared error, mean absolute error and the coefficient of determination. The comparison draws the same rows
for both models. Knows numbers and targets, neither models nor rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.report import Figure, Findings, Measure, Series
from modelyard.methods.bootstrap import drop_measures, percentile_interval, resample_rows
from modelyard.methods.intervals import UNKNOWN
from modelyard.methods.proportions import proportion

NEAR = 0.01
"""Two answers agree that differ by at most this share of the standard deviation of the targets."""
POINTS = 1000
"""Most points of a figure."""


@dataclass(frozen=True)
class _Outcome:
    """Targets, answers and row numbers, float64 [n] twice and int64 [n]."""

    targets: np.ndarray
    values: np.ndarray
    rows: np.ndarray

    @property
    def n(self) -> int:
        return len(self.targets)

    def scores(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """RMSE, MAE and R² of resamples [resamples, n] of the rows."""
        total = weights.sum(axis=1)
        squared = weights @ (self.values - self.targets) ** 2
        mean = weights @ self.targets / total
        # Around a fixed centre: the difference of large sums would lose all digits of a small spread.
        centre = self.targets.mean()
        spread = weights @ (self.targets - centre) ** 2 - total * (mean - centre) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(spread > 1e-12 * np.maximum(1.0, centre**2) * total, 1 - squared / spread, np.nan)
        return {
            "rmse": np.sqrt(squared / total),
            "mae": weights @ np.abs(self.values - self.targets) / total,
            "r2": r2,
        }

    def table(self) -> Any:
        import pyarrow as pa

        return pa.table({"row": self.rows, "target": self.targets, "value": self.values})

    @staticmethod
    def from_table(table: Any) -> _Outcome:
        if table is None or set(table.column_names) != {"row", "target", "value"}:
            raise InputError(
                "the report holds no predicted numbers", expected="the report of an evaluation of a regression"
            )
        table = table.sort_by("row")
        return _Outcome(*(table.column(name).to_numpy() for name in ("target", "value", "row")))


def judge(targets: np.ndarray, values: np.ndarray, rows: np.ndarray, *, confidence: float, seed: int) -> Findings:
    """Score predictions against the truth.

    ``rmse`` and ``mae`` have the unit of the targets; ``r2`` is 1 minus the mean squared error over the variance of
    the targets on these rows, None where they are all alike.

    Args:
        targets: right number of each row, [n].
        values: predicted numbers, [n].
        rows: row numbers in the source, int64 [n].
        confidence: of every interval, such as 0.95.
        seed: of the bootstrap.

    Raises:
        ModelyardError: the model gave something that is not a number.
    """
    outcome = _Outcome(np.asarray(targets, np.float64), np.asarray(values, np.float64), np.asarray(rows, np.int64))
    if not np.isfinite(outcome.values).all():
        raise ModelyardError(
            f"the model gave {int((~np.isfinite(outcome.values)).sum())} of {outcome.n} rows no finite number",
            fix="train with a lower learning rate or in float32, or convert the model again",
        )
    if outcome.n == 0:
        return Findings({name: Measure(None, n=0, confidence=confidence) for name in ("rmse", "mae", "r2")})
    found = _values(outcome.scores(np.ones((1, outcome.n))))
    resampled = resample_rows(outcome.n, outcome.scores, seed=seed)
    measures = {
        name: Measure(
            value,
            *(percentile_interval(resampled[name], confidence) if outcome.n > 1 else UNKNOWN),
            n=outcome.n,
            confidence=confidence,
        )
        for name, value in found.items()
    }
    return Findings(measures, figures=_figures(outcome), rows=outcome.table())


def compare(ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
    """Two evaluations of the same rows: agreement, largest difference, and how far each measure dropped.

    ``agreement`` is the share of rows whose answers differ by at most a hundredth of the targets' standard deviation
    (Wilson), ``largest_difference`` the largest difference of two answers, and ``NAME_drop`` the reference's measure
    minus ours, with the percentiles of a bootstrap that draws the same rows for both.

    Raises:
        InputError: the two did not judge the same rows.
    """
    first, second = _Outcome.from_table(ours.rows), _Outcome.from_table(reference.rows)
    if not np.array_equal(first.rows, second.rows) or not np.array_equal(first.targets, second.targets):
        raise InputError(
            f"the two reports judge other rows: {first.n} and {second.n}",
            expected="two evaluations of the same split of the same dataset",
            fix="evaluate both models on the same split",
        )
    n = first.n

    def differences(weights: np.ndarray) -> dict[str, np.ndarray]:
        mine = first.scores(weights)
        return {name: value - mine[name] for name, value in second.scores(weights).items()}

    apart = np.abs(first.values - second.values)
    agreed = int((apart <= NEAR * first.targets.std()).sum()) if n else 0
    drops = {name: float(value[0]) for name, value in differences(np.ones((1, n))).items()} if n else {}
    return Findings(
        {
            "agreement": proportion(agreed, n, confidence),
            "largest_difference": Measure(float(apart.max()) if n else None, n=n, confidence=confidence),
            **drop_measures(drops, resample_rows(n, differences, seed=seed), n=n, confidence=confidence),
        }
    )


def _values(scores: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value[0]) for name, value in scores.items()}


def _figures(outcome: _Outcome) -> list[Figure]:
    shown = np.unique(np.linspace(0, outcome.n - 1, POINTS).round().astype(int))
    targets, values = outcome.targets[shown], outcome.values[shown]
    series = [Series("rows", targets.tolist(), values.tolist())]
    return [Figure("Predicted against true", "scatter", "true", "predicted", series, diagonal=True)]
