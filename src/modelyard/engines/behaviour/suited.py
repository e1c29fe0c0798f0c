"""Whether a case can be asked of a model: its roles, its classes, its images. Runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.formats.suite import Case

VALUE = "value"
"""What ``rises`` and ``falls`` name where the answer is a number."""


def check_case(case: Case, model: Model) -> None:
    """See that the model has what the case speaks of.

    Raises:
        InputError: an unknown role, a role that is missing, or a class that the model does not have.
    """
    task = lookup.task(model.task)
    for row, changed in case.pairs():
        for item in (row, changed):
            if item is not None:
                _check_roles(case, item, task.inputs)
    named = next((name for name in (case.rises, case.falls) if name is not None), None)
    labels = model.labels or (VALUE,)
    if "generation" in task.abilities and case.kind in ("direction", "minimum function") and case.contains is None:
        raise InputError(
            f"{case.name!r}: {task.name} writes text", expected="contains: words that stand in it, or same"
        )
    if named is not None and named not in labels:
        raise InputError(f"{case.name!r}: the model has no {named!r}", fix=suggestion(named, labels))
    if case.expect is not None and model.labels and str(case.expect) not in model.labels:
        raise InputError(
            f"{case.name!r}: the model has no class {case.expect!r}", fix=suggestion(str(case.expect), model.labels)
        )
    if case.expect is not None and not model.labels and isinstance(case.expect, str):
        raise InputError(f"{case.name!r}: expect: {case.expect!r}", expected="a number: the model has no classes")
    if case.contains is not None and "generation" not in task.abilities:
        raise InputError(f"{case.name!r}: 'contains' is for models that write text", expected="expect: a class")


def _check_roles(case: Case, row: Mapping[str, Any], roles: tuple[str, ...]) -> None:
    for role in row:
        if role not in roles:
            raise InputError(f"{case.name!r}: the model reads no {role!r}", fix=suggestion(role, roles))
    for role in roles:
        if row.get(role) is None:
            raise InputError(f"{case.name!r}: a row has no {role!r}", expected=f"a value for {', '.join(roles)}")


def read_images(case: Case, folder: Path) -> Case:
    """The case with the bytes of its images in place of their paths.

    Raises:
        InputError: one that is not there, or lies outside the folder.
    """

    def read(row: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        name = row.get("image") if row else None
        if row is None or not isinstance(name, str):
            return row
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            raise InputError(
                f"{case.name!r}: no image {name!r}", expected="a file beside the suite or below", where=str(folder)
            )
        return {**row, "image": path.read_bytes()}

    rows = None if case.rows is None else [row for item in case.rows if (row := read(item)) is not None]
    return replace(case, row=read(case.row), rows=rows, becomes=read(case.becomes))
