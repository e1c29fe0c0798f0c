"""A private histogram. Knows no budget's file format."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.report import Figure, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.engines.privacy_budget import exact
from modelyard.formats.columns import column as find_column
from modelyard.methods import private_statistics
from modelyard.steps.aggregate._private import numbers_of, pay, values_of, write


@step(measures=("epsilon_spent", "epsilon_left"))
def histogram(
    data: Dataset,
    *,
    out: Path,
    column: str,
    epsilon: float,
    budget: Path,
    total: float | None = None,
    low: float | None = None,
    high: float | None = None,
    bins: Annotated[int, Between(1, 1000)] = 10,
    categories: Sequence[str] = (),
    split: str | None = None,
    rows: Annotated[int, Between(1)] = 1,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
) -> Report:
    """Count a column's values by bins or categories with differential privacy.

    A row falls into one bin, so that all bins together cost epsilon once. Bins and categories are said, not read off
    the data: which there are would give somebody away. The classes of a label are known anyway. The budget is kept in
    a file and refuses what it cannot pay; an answer that was given before is reused, and free.

    Args:
        data: with the column.
        column: numbers, or text; gaps are left out.
        epsilon: what this question may give away; smaller is more private.
        budget: the file that keeps what was spent on these data; made the first time.
        total: epsilon of all questions together; needed the first time.
        low: where the first bin of numbers begins, chosen without looking at the data; smaller numbers count there.
        high: where the last one ends.
        bins: how many there are.
        categories: values of text to count; all others count as one more.
        split: count in this split only.
        rows: the most rows that one person has.
        confidence: of each bin's interval, which is of the noise alone.

    Raises:
        InputError: a column or split that the data do not have, no bins, or a budget that does not suffice.
    """
    names, true = _counted(data, column, low, high, bins, categories, split)
    paid = pay(data, f"histogram {column}", budget, epsilon, total)
    found = private_statistics.histogram(true, exact(epsilon), secrets.randbelow, rows=rows, confidence=confidence)
    return write(out, data, paid, epsilon, rows, [_table(column, names, found)], [_figure(column, names, found)])


def _counted(
    data: Dataset,
    name: str,
    low: float | None,
    high: float | None,
    bins: int,
    categories: Sequence[str],
    split: str | None,
) -> tuple[list[str], list[int]]:
    found = find_column(data, name, "aggregate")
    if found.kind == "number":
        if low is None or high is None:
            raise InputError(f"aggregate: {name!r} holds numbers", expected="low and high", fix="low: 0, high: 100")
        values = numbers_of(data, name, split, low, high)
        edges = [low + (high - low) * place / bins for place in range(bins + 1)]
        names = [f"{start:g} to {end:g}" for start, end in pairwise(edges)]
        return names, private_statistics.bins(values, low, high, bins)
    known = list(categories) or (list(data.labels) if name == "label" else [])
    if not known:
        raise InputError(f"aggregate: {name!r} holds text", expected="categories: the values to count")
    counts = Counter(values_of(data, found, split))
    others = [] if name == "label" and not categories else [sum(counts.values()) - sum(counts[item] for item in known)]
    return [*known, *(["other"] if others else [])], [*(counts[item] for item in known), *others]


def _table(column: str, names: Sequence[str], found: Sequence[Measure]) -> Table:
    rows = [[name, item.value, item.low, item.high] for name, item in zip(names, found, strict=True)]
    return Table(f"Rows by {column}", [column, "rows", "low", "high"], rows)


def _figure(column: str, names: Sequence[str], found: Sequence[Measure]) -> Figure:
    ends = [(item.low or 0.0, item.high or 0.0) for item in found]
    series = Series("rows", names, [item.value for item in found], [low for low, _ in ends], [high for _, high in ends])
    return Figure(f"Rows by {column}", "bar", column, "rows", [series])
