"""Makes a table's cells what their roles need: text, class names, weights; faults name column and row.

A role of :data:`GATHERED` takes several columns, all the others one.
Knows no split and no file format.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from modelyard.core.dataset import ROW_ID
from modelyard.core.errors import InputError, suggestion
from modelyard.steps.load._columns import Spec, is_several
from modelyard.steps.load._features import ROLE as FEATURES
from modelyard.steps.load._features import Features
from modelyard.steps.load._images import ROLE as IMAGE
from modelyard.steps.load._images import Images
from modelyard.steps.load._tables import Table

NEEDED = ("text", "image", "label", "target", "weight", "group")
"""Roles that a row cannot do without."""
NOT_INPUTS = frozenset({ROW_ID, "label", "target", "weight", "group", "id"})
"""Roles that a model does not see as its input."""
ANSWERS = ("label", "target", "weight")
"""Roles that rows without an answer have no column for."""
Missing = Literal["error", "drop", "keep"]


class Gathered(Protocol):
    """How several columns become one value a row; what it must know is found out on the rows to learn from."""

    def read(self, table: Table) -> list[Any]:
        """The value of each row.

        Raises:
            InputError: a cell that the role cannot take; names column and row.
        """
        ...

    def arrow_type(self) -> Any:
        """What the values are stored as."""
        ...

    def profile(self, values: Sequence[Any]) -> Mapping[str, Any]:
        """Facts of each column as JSON values."""
        ...

    def warnings(self, splits: Mapping[str, Mapping[str, Sequence[Any]]], training: str, row_id: str) -> list[str]:
        """What may spoil a model, in words."""
        ...


GATHERED: Mapping[str, Callable[[Table, Sequence[str], Collection[str]], Gathered]] = {
    FEATURES: Features.judge,
    IMAGE: Images.judge,
}
"""Role → what judges its columns: the table, their names, and those that hold categories."""

_ROLE = re.compile(r"[a-z][a-z0-9_]*")


def check_roles(columns: Mapping[str, Spec], labels: Mapping[str, str] | None) -> None:
    """See that roles are named well and take so many columns, one is an input, and what is renamed is there.

    Raises:
        InputError: they are not.
    """
    for role in columns:
        if not _ROLE.fullmatch(role) or role == ROW_ID:
            raise InputError(
                f"columns: {role!r} cannot be the name of a role",
                expected="small letters, digits and _, such as text, features, label, target, weight, group, id",
                fix="columns: is written role: column, the role first",
            )
        if role not in GATHERED and is_several(columns[role]):
            raise InputError(
                f"columns: {role}: a list of columns",
                expected=f"one column; a list goes with {', '.join(GATHERED)}",
                fix=f"{FEATURES}: [COLUMN, COLUMN]",
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


def judge_gathered(table: Table, categorical: Collection[str]) -> dict[str, Gathered]:
    """Role → how its columns are put together, for those roles of the table that take several.

    Args:
        table: the rows to learn from.
        categorical: columns whose values are categories, whatever they look like.

    Raises:
        InputError: a column that its role cannot take.
    """
    found = {role: GATHERED[role](table, names, categorical) for role, names in table.roles.items() if role in GATHERED}
    if categorical and FEATURES not in found:
        raise InputError("categorical: columns: names no features", fix=f"add {FEATURES}: [COLUMN, COLUMN]")
    return found


def convert(table: Table, gathered: Mapping[str, Gathered], labels: Mapping[str, str] | None) -> dict[str, list[Any]]:
    """Role → values, None where a value is missing.

    Args:
        table: what was read; it has at least one row.
        gathered: how the columns of some roles are put together.
        labels: raw label → class name, for all raw labels, or nothing.

    Raises:
        InputError: a value that its role cannot take, or a column without any value.
    """
    values = {}
    for role, (column, *_) in table.roles.items():
        if role in gathered:
            values[role] = gathered[role].read(table)
            continue
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
        values["label"] = _rename(table, table.roles["label"][0], values["label"], labels)
    return values


def missing_rows(table: Table, values: Mapping[str, list[Any]], missing: Missing) -> set[int]:
    """Rows to leave out, since they lack a value of a needed role.

    Raises:
        InputError: there are some, and they may not be left out.
    """
    lacking: set[int] = set()
    for role, cells in values.items():
        if cells and isinstance(cells[0], Mapping):
            parts = {} if missing == "keep" else {column: [cell[column] for cell in cells] for column in cells[0]}
        else:
            parts = {table.roles[role][0]: cells} if role in NEEDED else {}
        for column, part in parts.items():
            rows = [row for row, value in enumerate(part) if value is None]
            if rows and missing != "drop":
                first = ", ".join(table.place(row) for row in rows[:5])
                raise InputError(
                    f"column {column!r} ({role}) has no value in {len(rows)} of {len(table)} rows: {first}",
                    expected="a value in every row",
                    fix="fill them in, or set missing: drop to leave those rows out"
                    + (", or missing: keep to learn with gaps" if role == FEATURES else ""),
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


def _target(cell: Any) -> float | None:
    if isinstance(cell, str) and not cell.strip():
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        number = math.inf
    if isinstance(cell, bool) or math.isinf(number):
        raise ValueError("a finite number")
    return None if math.isnan(number) else number


def _as_is(cell: Any) -> Any:
    return cell


_SPELLINGS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "label": _name,
    "group": _name,
    "id": _name,
    "weight": _weight,
    "target": _target,
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
