"""A private mean. Knows no budget's file format."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.privacy_budget import exact
from modelyard.methods import private_statistics
from modelyard.steps.aggregate._private import numbers_of, pay, write


@step(measures=("private_mean", "epsilon_spent", "epsilon_left"))
def mean(
    data: Dataset,
    *,
    out: Path,
    column: str,
    low: float,
    high: float,
    epsilon: float,
    budget: Path,
    total: float | None = None,
    split: str | None = None,
    rows: Annotated[int, Between(1)] = 1,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Average a column of numbers with differential privacy.

    Values outside the bounds count as the nearer one. Half of epsilon goes to the sum, half to how many there are. The
    budget is kept in a file and refuses what it cannot pay; an answer that was given before is reused, and free.

    Args:
        data: with the column.
        column: the numbers; gaps are left out.
        low: the lowest number that is to be expected, chosen without looking at the data.
        high: the highest.
        epsilon: what this question may give away; smaller is more private.
        budget: the file that keeps what was spent on these data; made the first time.
        total: epsilon of all questions together; needed the first time.
        split: average in this split only.
        rows: the most rows that one person has.
        confidence: of the interval, which is of the noise alone.

    Raises:
        InputError: a column or split that the data do not have, or a budget that does not suffice.
    """
    values = numbers_of(data, column, split, low, high)
    paid = pay(data, f"mean {column}", budget, epsilon, total)
    found = private_statistics.mean(
        values, low, high, exact(epsilon), secrets.randbelow, rows=rows, confidence=confidence
    )
    return write(out, data, {"private_mean": found, **paid}, epsilon, rows)
