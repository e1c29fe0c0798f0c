"""Whether people in a table look alike. Knows no way to make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.report import Figure, Findings, Measure, Report, Series, Table
from modelyard.core.step import step
from modelyard.methods import anonymity
from modelyard.methods.anonymity import Group
from modelyard.steps.anonymise._columns import read

SIZES = (1, 2, 5, 10, 20, 50, 100)
"""Lower ends of the bars of group sizes."""


@step(measures=("k_anonymity", "l_diversity", "unique_share"))
def check(
    data: Dataset,
    *,
    out: Path,
    columns: Sequence[str],
    sensitive: str | None = None,
    shown: Annotated[int, Between(0, 1000)] = 10,
) -> Report:
    """Say how many rows at least look alike (k-anonymity), and show the smallest groups.

    Groups are formed over all splits by the values of the columns that people could be known by. With a sensitive
    column, l_diversity is the fewest different values of it in a group. Measured on what the model is trained on,
    both can be asked for under require:, such as k_anonymity: ">= 5".

    Args:
        data: a table.
        columns: quasi-identifiers: what somebody may know of a person, such as age, sex and postcode.
        sensitive: what nobody is to learn, such as the illness.
        shown: groups in the report, the smallest first; they name what makes people rare.

    Raises:
        InputError: a column that the data do not have.
    """
    values, secret = read(data, columns, sensitive)
    found = anonymity.groups(list(values.values()), secret)
    if not found:
        raise InputError("anonymise: the data have no rows")
    total = sum(group.rows for group in found)
    measures = {
        "k_anonymity": Measure(found[0].rows, n=total, unit="rows"),
        "unique_share": Measure(sum(group.rows == 1 for group in found) / total, n=total),
        "l_diversity": Measure(
            None if secret is None else min(group.diversity or 0 for group in found), n=total, unit="values"
        ),
    }
    findings = Findings(measures, [_table(columns, sensitive, found[:shown])], [_figure(found)])
    return Report.write(out, findings, parents=[data])


def _table(columns: Sequence[str], sensitive: str | None, smallest: Sequence[Group]) -> Table:
    names = [*columns, "rows", *([f"values of {sensitive}"] if sensitive else [])]
    rows = [[*group.key, group.rows, *([group.diversity] if sensitive else [])] for group in smallest]
    return Table("Smallest groups of rows that look alike", names, rows)


def _figure(found: Sequence[Group]) -> Figure:
    rows: Counter[int] = Counter()
    for group in found:
        rows[max(size for size in SIZES if size <= group.rows)] += group.rows
    names = [f"{size}–{after - 1}" if after - size > 1 else str(size) for size, after in pairwise(SIZES)]
    series = Series("rows", [*names, f"{SIZES[-1]}+"], [rows[size] for size in SIZES])
    return Figure("Rows by the size of their group", "bar", "rows that look alike", "rows", [series])
