"""What an attack did to a classifier, as measures with intervals, tables and a picture.

Robust accuracy is the share of all attacked rows whose answer is right and stays right: a row that is answered wrongly
to begin with is not robust. It is an upper bound, for a better attack may turn more. Knows rows and budgets, no attack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.proportions import proportion

MEASURES = ("robust_accuracy", "robust_accuracy:*", "unattacked_accuracy", "attack_success", "attack_queries")
"""What :func:`judge` gives; ``robust_accuracy:NAME`` tells the attacks of one recipe apart."""


@dataclass(frozen=True)
class Attacked:
    """The outcome of an attack on some rows.

    Attributes:
        name: of the attack.
        rows: (n,) numbers of the rows in their source.
        right: (n,) whether the answer was right before.
        fell: (n,) the least budget at which it no longer was; infinite where it stayed right. 0 where it never was.
        queries: (n,) questions asked of the model, or passes through the network.
        budgets: budgets of the curve, rising; the last is the whole one.
        unit: of the budget, in words.
    """

    name: str
    rows: np.ndarray
    right: np.ndarray
    fell: np.ndarray
    queries: np.ndarray
    budgets: Sequence[float]
    unit: str

    def robust(self, budget: float) -> int:
        """Number of rows that are still right at a budget."""
        return int((self.right & (self.fell > budget)).sum())


def judge(attacked: Attacked, *, confidence: float) -> Findings:
    """Measures, the table of accuracy against budget and its picture, with Wilson's intervals."""
    n, right = len(attacked.rows), int(attacked.right.sum())
    robust = proportion(attacked.robust(attacked.budgets[-1]), n, confidence)
    queries = float(attacked.queries[attacked.right].mean()) if right else None
    measures = {
        "robust_accuracy": robust,
        f"robust_accuracy:{attacked.name}": robust,
        "unattacked_accuracy": proportion(right, n, confidence),
        "attack_success": proportion(right - attacked.robust(attacked.budgets[-1]), right, confidence),
        "attack_queries": Measure(queries, n=right, unit="a row", confidence=confidence),
    }
    curve = [(budget, proportion(attacked.robust(budget), n, confidence)) for budget in (0.0, *attacked.budgets)]
    columns = [attacked.unit, "accuracy", "low", "high"]
    table = Table("Accuracy against budget", columns, [[x, y.value, y.low, y.high] for x, y in curve])
    return Findings(measures, [table], [_picture(attacked, curve)] if n else [], rows=_rows(attacked))


def _picture(attacked: Attacked, curve: Sequence[tuple[float, Measure]]) -> Figure:
    lows, highs = zip(*((point.low or 0.0, point.high or 0.0) for _, point in curve), strict=True)
    line = Series(attacked.name, [x for x, _ in curve], [point.value for _, point in curve], lows, highs)
    return Figure("Accuracy under attack", "line", f"budget ({attacked.unit})", "accuracy", [line])


def _rows(attacked: Attacked) -> object:
    import pyarrow as pa

    fell = [None if np.isinf(budget) else float(budget) for budget in attacked.fell]
    return pa.table({"row": attacked.rows, "right": attacked.right, "fell": pa.array(fell, pa.float64())})
