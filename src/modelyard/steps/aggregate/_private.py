"""What the private statistics share: the column's values, the budget, the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.report import Figure, Findings, Measure, Report, Table
from modelyard.engines import privacy_budget
from modelyard.formats.columns import Column, column


def values_of(data: Dataset, found: Column, split: str | None) -> list[Any]:
    """The column's values in one split, or in all; gaps left out."""
    tables = [data.table(split)] if split else data.tables().values()
    return [value for table in tables for value in found.values(table) if value is not None]


def numbers_of(data: Dataset, name: str, split: str | None, low: float, high: float) -> list[float]:
    """The values of a column of numbers.

    Raises:
        InputError: it holds none, or the bounds are no bounds.
    """
    found = column(data, name, "aggregate")
    if found.kind != "number":
        raise InputError(f"aggregate: {name!r} holds no numbers", expected="a column of numbers")
    if low >= high:
        raise InputError(f"aggregate: low: {low:g}, high: {high:g}", expected="low below high")
    return [float(value) for value in values_of(data, found, split)]


def pay(data: Dataset, what: str, budget: Path, epsilon: float, total: float | None) -> dict[str, Measure]:
    """Pay for a question before it is answered; what is spent and left, as measures."""
    if epsilon <= 0:
        raise InputError(f"aggregate: epsilon: {epsilon:g}", expected="a number above 0, such as 0.1")
    spending = privacy_budget.spend(budget, data, epsilon, what, total=total)
    return {"epsilon_spent": Measure(float(spending.spent)), "epsilon_left": Measure(float(spending.left))}


def write(
    out: Path,
    data: Dataset,
    measures: Mapping[str, Measure],
    epsilon: float,
    rows: int,
    tables: Sequence[Table] = (),
    figures: Sequence[Figure] = (),
) -> Report:
    """The report, with the promise in words."""
    note = (
        f"epsilon {epsilon:g} for whoever has at most {rows} row{'s' if rows > 1 else ''}; discrete Laplace noise from "
        "the system's randomness. Intervals are of the noise alone."
    )
    return Report.write(out, Findings(measures, tables, figures, [note]), parents=[data])
