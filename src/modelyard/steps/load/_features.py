"""Several columns of a table as one role: ``features``, numbers and categories by the name of their column.

Whether a column holds numbers or categories is judged once, on the rows that are learned from. Knows no split.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.core.errors import InputError, suggestion
from modelyard.steps.load._tables import Table

ROLE = "features"
Kind = Literal["number", "category"]
Cell = float | str | None

_TRUTH = {True: "true", False: "false"}


@dataclass(frozen=True)
class Features:
    """The columns of the role, in their order, each with its kind."""

    kinds: Mapping[str, Kind]

    @classmethod
    def judge(cls, table: Table, names: Sequence[str], categorical: Collection[str]) -> Features:
        """Find out what each column holds.

        A column holds numbers if every value in it can be read as one, and categories if none can; whole
        numbers that stand for categories must be said to.

        Args:
            table: the rows to learn from.
            names: the columns of the role.
            categorical: those whose values are categories, whatever they look like.

        Raises:
            InputError: a column with both, one without any value, or a name that is no column of the role.
        """
        for name in categorical:
            if name not in names:
                raise InputError(
                    f"categorical: {name!r} is not among the features", fix=suggestion(name, names), where=table.file
                )
        return cls({name: "category" if name in categorical else _judge(table, name) for name in names})

    def read(self, table: Table) -> list[dict[str, Cell]]:
        """Each row as column → number, category or None.

        Raises:
            InputError: a value that is not of the column's kind.
        """
        columns = [_read(table, name, kind) for name, kind in self.kinds.items()]
        return [dict(zip(self.kinds, cells, strict=True)) for cells in zip(*columns, strict=True)]

    def arrow_type(self) -> Any:
        """A struct with a field a column."""
        import pyarrow as pa

        types = {"number": pa.float64(), "category": pa.string()}
        return pa.struct([pa.field(name, types[kind]) for name, kind in self.kinds.items()])

    def profile(self, values: Sequence[Mapping[str, Cell]]) -> dict[str, dict[str, Any]]:
        """Column → kind, missing values, and smallest and largest number or number of categories."""
        facts = {}
        for name, kind in self.kinds.items():
            there = [row[name] for row in values if row[name] is not None]
            facts[name] = {"kind": kind, "missing": len(values) - len(there)} | _spread(kind, there)
        return facts

    def warnings(self, splits: Mapping[str, Mapping[str, Sequence[Any]]], training: str, row_id: str) -> list[str]:
        """Columns that tell nothing, and categories that the model will not have seen, in words.

        Args:
            splits: split → role → values.
            training: the split that is learned from.
            row_id: the role that holds the number of the row.
        """
        rows = splits[training][ROLE]
        found = []
        for name, kind in self.kinds.items():
            known = {row[name] for row in rows}
            if len(known) == 1:
                found.append(f"column {name!r} is the same in every row of {training}: it tells nothing")
            if kind == "category":
                found += _unseen(name, known, {key: part for key, part in splits.items() if key != training}, row_id)
        return found


def _judge(table: Table, name: str) -> Kind:
    first: dict[Kind, int] = {}
    for row, cell in enumerate(table.columns[name]):
        if not _is_missing(cell):
            first.setdefault("number" if _is_number(cell) else "category", row)
        if len(first) == 2:
            number, other = (f"{table.columns[name][first[kind]]!r} in {table.place(first[kind])}" for kind in _KINDS)
            raise InputError(
                f"column {name!r} ({ROLE}) has mixed types: the number {number}, and {other}",
                expected="numbers in every row, or categories",
                fix=f"mend the row, leave the cell empty, or say categorical: [{name}]",
                where=table.file,
            )
    if not first:
        raise InputError(
            f"column {name!r} ({ROLE}) has no value in any row",
            expected="values",
            fix="fill it, or leave the column out",
            where=table.file,
        )
    return next(iter(first))


_KINDS: tuple[Kind, Kind] = ("number", "category")


def _is_missing(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip() or cell.strip().lower() == "nan"
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _is_number(cell: Any) -> bool:
    # Python reads 1_000 as a number; a table means a code by it.
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        return False
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    except OverflowError:
        return True
    return True


def _read(table: Table, name: str, kind: Kind) -> Iterator[Cell]:
    spell = _number if kind == "number" else _category
    for row, cell in enumerate(table.columns[name]):
        try:
            yield None if _is_missing(cell) else spell(cell)
        except (ValueError, TypeError, OverflowError):
            shown = repr(cell) if len(repr(cell)) < 60 else repr(cell)[:57] + "…"
            raise InputError(
                f"column {name!r} ({ROLE}), {table.place(row)}: {shown}",
                expected="a finite number" if kind == "number" else "text, a whole number, or true/false",
                fix="mend the row, or leave the column out",
                where=table.file,
            ) from None


def _number(cell: Any) -> float:
    if isinstance(cell, bool) or not math.isfinite(float(cell)):
        raise ValueError
    return float(cell)


def _category(cell: Any) -> str:
    if isinstance(cell, bool):
        return _TRUTH[cell]
    if isinstance(cell, int) or (isinstance(cell, float) and cell.is_integer()):
        return json.dumps(int(cell))
    if not isinstance(cell, str):
        raise TypeError
    cell.encode()  # Half of a surrogate pair cannot be stored; that is a ValueError too.
    return cell.strip()


def _spread(kind: Kind, there: Sequence[Any]) -> dict[str, Any]:
    if kind == "category":
        return {"categories": len(set(there))}
    return {"min": min(there), "max": max(there)} if there else {}


def _unseen(
    name: str, known: Collection[Cell], splits: Mapping[str, Mapping[str, Sequence[Any]]], row_id: str
) -> Iterator[str]:
    for split, part in splits.items():
        rows = [row for row, value in enumerate(part[ROLE]) if value[name] is not None and value[name] not in known]
        if rows:
            value, row = part[ROLE][rows[0]][name], part[row_id][rows[0]]
            yield (
                f"column {name!r}, row {row} of {split}: {value!r} never occurs in training (so do {len(rows)} rows): "
                "the model takes it for an unknown category"
            )
