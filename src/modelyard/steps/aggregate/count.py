"""A private count. Knows no budget's file format."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.privacy_budget import exact
from modelyard.formats.columns import column as find_column
from modelyard.methods import private_statistics
from modelyard.steps.aggregate._private import pay, values_of, write


@step(measures=("private_count", "epsilon_spent", "epsilon_left"))
def count(
    data: Dataset,
    *,
    out: Path,
    epsilon: float,
    budget: Path,
    total: float | None = None,
    column: str | None = None,
    equals: str | None = None,
    split: str | None = None,
    rows: Annotated[int, Between(1)] = 1,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Count rows with differential privacy.

    Noise of scale rows / epsilon hides whether anybody is among them (the geometric mechanism). The budget is kept in
    a file and refuses what it cannot pay; the answer to a question that was asked before is reused, and free.

    Args:
        data: whose rows to count.
        epsilon: what this question may give away; smaller is more private.
        budget: the file that keeps what was spent on these data; made the first time.
        total: epsilon of all questions together; needed the first time.
        column: count the rows that have a value there; all rows by default.
        equals: count only rows whose value there is this one.
        split: count in this split only.
        rows: the most rows that one person has.
        confidence: of the interval, which is of the noise alone.

    Raises:
        InputError: a column or split that the data do not have, or a budget that does not suffice.
    """
    if column is None:
        true = sum(data.splits.values()) if split is None else data.table(split).num_rows
    else:
        values = values_of(data, find_column(data, column, "aggregate"), split)
        true = len(values) if equals is None else sum(_spelled(value) == equals for value in values)
    what = " ".join(["count", *([column] if column else []), *(["=", equals] if equals is not None else [])])
    paid = pay(data, what, budget, epsilon, total)
    found = private_statistics.count(true, exact(epsilon), secrets.randbelow, rows=rows, confidence=confidence)
    return write(out, data, {"private_count": found, **paid}, epsilon, rows)


def _spelled(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
