"""Transforms that travel with the model, so that training and serving see the same rows and give the same answers.

Those of rows are done before the task encodes them, those of answers to the task's predictions.

A transform is pure data (its name and options); the file of that name in the room
``transforms`` turns it into a function on rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from modelyard.core.errors import InputError

Row = Mapping[str, Any]
"""One example: role → value, such as ``{"text": "hello"}``."""


class Transform(Protocol):
    """Rows (or predictions) in, as many out, in the same order; nothing remembered between calls."""

    def apply(self, rows: Sequence[Row]) -> list[Row]: ...


@runtime_checkable
class TableTransform(Protocol):
    """A transform of the role ``features`` that says how raw rows differ from what the model was fitted to."""

    fills: frozenset[str]
    """Columns in which a raw row may have a gap."""
    adds: tuple[str, ...]
    """Columns that a raw row does not have."""

    def apply(self, rows: Sequence[Row]) -> list[Row]: ...


@dataclass(frozen=True)
class TransformSpec:
    """A transform by name with the options (and fitted values) it was made with."""

    name: str
    options: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "options": dict(self.options)}

    @staticmethod
    def from_json(item: Mapping[str, Any]) -> TransformSpec:
        return TransformSpec(str(item["name"]), dict(item["options"]))


def pending_transforms(model: Sequence[TransformSpec], data: Sequence[TransformSpec]) -> tuple[TransformSpec, ...]:
    """What the model expects that was not yet done to the data.

    Raises:
        InputError: the data were transformed in another way than the model expects.
    """
    if list(model[: len(data)]) != list(data):
        raise InputError(
            f"the data were transformed by {_names(data)}, the model expects {_names(model)}",
            expected="the data's transforms are the first of the model's",
            fix="put the transforming step before the one that trains the model, or give raw data",
        )
    return tuple(model[len(data) :])


def _names(specs: Sequence[TransformSpec]) -> str:
    return ", ".join(spec.name for spec in specs) or "nothing"
