"""Makes a table's cells what their roles need: text, class names, weights; faults name column and row.

Knows no split and no file format.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelyard.core.dataset import ROW_ID
from modelyard.core.errors import InputError, suggestion
from modelyard.steps.load._tables import Table

NEEDED = ("text", "label", "weight", "group")
"""Roles that a row cannot do without."""
NOT_INPUTS = frozenset({ROW_ID, "label", "weight", "group", "id"})
"""Roles that a model does not see as its input."""

_ROLE = re.compile(r"[a-z][a-z0-9_]*")


def check_roles(columns: Mapping[str, str], labels: Mapping[str, str] | None) -> None:
    """See that roles are named well, one of them is an input, and what is renamed is there.

    Raises:
        InputError: they are not.
    """
    for role in columns:
        if not _ROLE.fullmatch(role) or role == ROW_ID:
            raise InputError(
                f"columns: {role!r} cannot be the name of a role",
                expected="small letters, digits and _, such as text, label, weight, group, id",
                fix="columns: is written role: column, the role first",
            )
    if not set(columns) - NOT_INPUTS:
        raise InputError(
            f"columns: no input among the roles {', '.join(columns) or '(none)'}",
            expected="one column at least that the model is to see, such as text",
            fix="add, for example, text: NAME OF THE COLUMN",
        )
    if labels and "label" not in columns:
        raise InputError(
            "labels: renames classes, but columns: names no label",
            expected=f"a role label beside {', '.join(columns)}",
            fix="add label: NAME OF THE COLUMN under columns:",
        )


def convert(table: Table, columns: Mapping[str, str], labels: Mapping[str, str] | None) -> dict[str, list[Any]]:
    """Role → values, None where a value is missing.

    Args:
        table: what was read; it has at least one row.
        columns: role → name of its column.
        labels: raw label → class name, for all raw labels, or nothing.

    Raises:
        InputError: a value that its role cannot take, or a column without any value.
    """
    values = {}
    for role, column in columns.items():
        cells = table.columns[column]
        _check_types(table, role, column, cells)
        spell = _SPELLINGS.get(role, _as_is)
        values[role] = [_spelled(spell, table, role, column, row, cell) for row, cell in enumerate(cells)]
        if all(value is None for value in values[role]):
            raise InputError(
                f"column {column!r} ({role}) has no value in any row",
                expected="values",
                fix="name another column, or fill this one",
                where=table.file,
            )
    if labels:
        values["label"] = _rename(table, columns["label"], values["label"], labels)
    return values


def missing_rows(table: Table, columns: Mapping[str, str], values: Mapping[str, list[Any]], drop: bool) -> set[int]:
    """Rows that lack a value of a needed role.

    Raises:
        InputError: there are some, and they may not be dropped.
    """
    lacking: set[int] = set()
    for role in values:
        rows = [row for row, value in enumerate(values[role]) if value is None] if role in NEEDED else []
        if rows and not drop:
            first = ", ".join(table.place(row) for row in rows[:5])
            raise InputError(
                f"column {columns[role]!r} ({role}) has no value in {len(rows)} of {len(table)} rows: {first}",
                expected="a value in every row",
                fix="fill them in, or set missing: drop to leave those rows out",
                where=table.file,
            )
        lacking.update(rows)
    return lacking


def sort_classes(names: Iterable[str]) -> list[str]:
    """Class names sorted, whole numbers by value; of two, the last is the positive class."""
    found = set(names)
    if all(name.lstrip("-").isdecimal() for name in found):
        return sorted(found, key=lambda name: (int(name), name))
    return sorted(found)


def _check_types(table: Table, role: str, column: str, cells: list[Any]) -> None:
    first: tuple[int, type] | None = None
    for row, cell in enumerate(cells):
        kind = float if type(cell) is int and role != "label" else type(cell)
        if cell is None:
            continue
        if first is None:
            first = row, kind
        elif kind is not first[1]:
            raise InputError(
                f"column {column!r} ({role}) has mixed types: {_kind(first[1])} in {table.place(first[0])}, "
                f"{_kind(kind)} in {table.place(row)}",
                expected="values of one type",
                fix="write them all in one way",
                where=table.file,
            )


def _kind(type_: type) -> str:
    return {str: "text", bool: "true/false", int: "a whole number", float: "a number"}.get(type_, type_.__name__)


def _spelled(spell: Callable[[Any], Any], table: Table, role: str, column: str, row: int, cell: Any) -> Any:
    if cell is None:
        return None
    try:
        return spell(cell)
    except ValueError as error:
        shown = repr(cell) if len(repr(cell)) < 60 else repr(cell)[:57] + "…"
        raise InputError(
            f"column {column!r} ({role}), {table.place(row)}: {shown}", expected=str(error), where=table.file
        ) from None


def _text(cell: Any) -> str | None:
    if not isinstance(cell, str):
        raise ValueError("text")
    # A lone half of a surrogate pair, which JSON can spell, cannot be stored or tokenized.
    if not cell.isascii():
        try:
            cell.encode()
        except UnicodeEncodeError:
            raise ValueError("text in valid Unicode") from None
    return cell if cell.strip() else None


def _name(cell: Any) -> str | None:
    if isinstance(cell, str):
        return _text(cell.strip())
    # A column of whole numbers with a gap comes as floats: 1.0 is the class 1.
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, bool | int):
        return json.dumps(cell)
    if isinstance(cell, float) and math.isnan(cell):
        return None
    raise ValueError("text, a whole number, or true/false")


def _weight(cell: Any) -> float:
    try:
        weight = float(cell)
    except (TypeError, ValueError):
        weight = -1.0
    if not 0 <= weight < math.inf:
        raise ValueError("a number, zero or more")
    return weight


def _as_is(cell: Any) -> Any:
    return cell


_SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "label": _name,
    "group": _name,
    "id": _name,
    "weight": _weight,
}


def _rename(table: Table, column: str, values: list[Any], labels: Mapping[str, str]) -> list[Any]:
    for row, value in enumerate(values):
        if value is not None and value not in labels:
            raise InputError(
                f"column {column!r} (label), {table.place(row)}: {value!r} is not in labels:",
                expected=f"one of {', '.join(labels)}",
                fix=f"add it to labels:, or mend the row ({suggestion(value, labels)})",
                where=table.file,
            )
    return [None if value is None else labels[value] for value in values]
