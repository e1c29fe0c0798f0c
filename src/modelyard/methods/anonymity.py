"""How many people look alike in a table: k-anonymity and l-diversity, and generalising until they hold.

k-anonymity (Samarati and Sweeney 1998): every combination of quasi-identifiers occurs in k rows or more. Distinct
l-diversity (Machanavajjhala et al. 2007): every such group has l sensitive values or more; without it, a group that
shares one illness gives it away. Generalising is Datafly's (Sweeney 1997): the column with the most distinct values
gets coarser until few enough rows are left over, which are left out. Knows values, no table.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from modelyard.methods.column_masks import ColumnMask
from modelyard.methods.generalising import band, beginning

Value = float | str | None
_MANTISSAS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Group:
    """Rows that look alike.

    Attributes:
        key: their quasi-identifiers.
        rows: how many they are.
        diversity: how many different sensitive values they have; None where none was named.
    """

    key: tuple[Value, ...]
    rows: int
    diversity: int | None


def groups(columns: Sequence[Sequence[Value]], sensitive: Sequence[Hashable] | None = None) -> list[Group]:
    """Every group, the smallest first.

    Args:
        columns: the quasi-identifiers, one sequence each, row by row.
        sensitive: the value of each row that nobody is to learn.
    """
    members: dict[tuple[Value, ...], list[int]] = {}
    for row, key in enumerate(zip(*columns, strict=True)):
        members.setdefault(key, []).append(row)
    found = [
        Group(key, len(rows), None if sensitive is None else len({sensitive[row] for row in rows}))
        for key, rows in members.items()
    ]
    return sorted(found, key=lambda group: (group.rows, group.diversity or 0, tuple(map(str, group.key))))


@dataclass(frozen=True)
class Generalisation:
    """What was done, and the rows that are left over."""

    masks: Mapping[str, ColumnMask]
    left_over: tuple[int, ...]


def generalise(
    columns: Mapping[str, Sequence[Value]],
    k: int,
    *,
    sensitive: Sequence[Hashable] | None = None,
    diversity: int = 1,
    most_left_over: float = 0.0,
) -> Generalisation | None:
    """Make columns coarser until every group has k rows; None where not even the coarsest suffices.

    Args:
        columns: name → the quasi-identifier of each row.
        k: rows that every group must have.
        sensitive: the value of each row that nobody is to learn.
        diversity: different sensitive values that every group must have.
        most_left_over: share of rows that may be left out.
    """
    ladders = {name: _ladder(values) for name, values in columns.items()}
    steps = dict.fromkeys(columns, 0)
    coarse = {name: list(values) for name, values in columns.items()}
    allowed = math.floor(most_left_over * len(next(iter(columns.values()))))
    while True:
        left_over = _left_over(list(coarse.values()), k, sensitive, diversity)
        if len(left_over) <= allowed:
            masks = {name: ladders[name][step - 1] for name, step in steps.items() if step}
            return Generalisation(masks, tuple(left_over))
        open_columns = [name for name in columns if steps[name] < len(ladders[name])]
        if not open_columns:
            return None
        name = max(open_columns, key=lambda name: len(set(coarse[name])))
        coarse[name] = [_coarser(value, ladders[name][steps[name]]) for value in columns[name]]
        steps[name] += 1


def _left_over(
    columns: Sequence[Sequence[Value]], k: int, sensitive: Sequence[Hashable] | None, diversity: int
) -> list[int]:
    small = {
        group.key
        for group in groups(columns, sensitive)
        if group.rows < k or (group.diversity is not None and group.diversity < diversity)
    }
    return [row for row, key in enumerate(zip(*columns, strict=True)) if key in small]


def _coarser(value: Value, how: ColumnMask) -> Value:
    if value is None:
        return None
    return beginning(value, how.keep) if isinstance(value, str) else band(value, how.width or 1.0)


def _ladder(values: Sequence[Value]) -> list[ColumnMask]:
    """How a column gets coarser and coarser: bands of 1, 2, 5, 10, … units, or fewer characters."""
    texts = [value for value in values if isinstance(value, str)]
    if texts:
        return [ColumnMask("generalise", keep=keep) for keep in range(max(map(len, texts)) - 1, -1, -1)]
    numbers = [value for value in values if isinstance(value, int | float)]
    spread = max(numbers, default=0) - min(numbers, default=0)
    if not spread:
        return []
    # From a thousandth of the range to bands that hold all of it.
    power, widths = math.floor(math.log10(spread / 1000)), [0.0]
    while widths[-1] < 2 * max(spread, *map(abs, numbers)):
        widths += [mantissa * 10.0**power for mantissa in _MANTISSAS]
        power += 1
    return [ColumnMask("generalise", width=width) for width in widths[1:]]
