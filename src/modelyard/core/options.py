"""Options of a step, read off its signature: one declaration that checks, words, parses and publishes.

An annotation is a plain type, a ``Literal``, a union with None, a list, sequence or mapping of these, a frozen
dataclass (a group of options), or ``Annotated[number, Between(low, high)]``. ``Search`` marks what a search tries.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from modelyard.core.errors import InputError, suggestion

REQUIRED = object()
"""Default of an option that has none."""


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``, both allowed; None leaves an end open."""

    low: float | None = None
    high: float | None = None

    @property
    def wording(self) -> str:
        if self.low is None and self.high is None:
            return "a number"
        if self.high is None:
            return f"{self.low:g} or more"
        return f"{self.high:g} or less" if self.low is None else f"from {self.low:g} to {self.high:g}"

    def holds(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Search:
    """The values that ``auto`` tries for an option: ``Annotated[float, Between(0, 1), Search(0.25, 0.5)]``.

    One that a given model cannot take is passed over.
    """

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)


@dataclass(frozen=True)
class Option:
    """One keyword-only parameter of a step."""

    name: str
    annotation: Any
    default: Any
    help: str = ""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def searched(self) -> tuple[Any, ...]:
        """Values that a search tries, as the annotation says; none where it says nothing."""
        marks = get_args(self.annotation) if get_origin(self.annotation) is Annotated else ()
        return next((mark.values for mark in marks if isinstance(mark, Search)), ())

    def check(self, value: object) -> Any:
        """The value as the step takes it.

        Raises:
            InputError: it is not of the declared type or range.
        """
        return check(self.annotation, value, self.name)


_LISTS = (list, tuple, Sequence)
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def wording(annotation: Any) -> str:
    """What the annotation admits, in words."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [mark for mark in args[1:] if isinstance(mark, Between)]
        base = wording(args[0])
        return f"{base} {bounds[0].wording}" if bounds else base
    if origin is Literal:
        return "one of " + ", ".join(str(item) for item in args)
    if origin in (Union, types.UnionType):
        return " or ".join("nothing (null)" if item is type(None) else wording(item) for item in args)
    if origin in _LISTS:
        return f"a list of: {wording(args[0])}"
    if origin in (dict, Mapping):
        return f"a mapping of names to {wording(args[1])}"
    if dataclasses.is_dataclass(annotation):
        return "a mapping with the keys " + ", ".join(field.name for field in dataclasses.fields(annotation))
    return _WORDS.get(annotation, "any value")


def check(annotation: Any, value: object, name: str) -> Any:
    """``value`` converted to ``annotation``; ``name`` is the path that an error names."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        checked = check(args[0], value, name)
        numbers = checked if isinstance(checked, list | tuple) else [checked]
        for mark in args[1:]:
            if isinstance(mark, Between) and any(item is not None and not mark.holds(item) for item in numbers):
                raise _wrong(annotation, value, name)
        return checked
    if origin in (Union, types.UnionType):
        return _check_union(annotation, args, value, name)
    if origin is Literal:
        if value in args and type(value) in {type(item) for item in args}:
            return value
        hint = suggestion(str(value), [str(item) for item in args])
        raise InputError(f"{name}: {value!r}", expected=wording(annotation), fix=hint)
    if origin in _LISTS:
        if not isinstance(value, list | tuple):
            raise _wrong(annotation, value, name)
        items = [check(args[0], item, f"{name}[{index}]") for index, item in enumerate(value)]
        return items if origin is list else tuple(items)
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(annotation, value, name)
        return {str(key): check(args[1], item, f"{name}: {key}") for key, item in value.items()}
    if dataclasses.is_dataclass(annotation):
        return _check_group(annotation, value, name)
    return _check_plain(annotation, value, name)


def _check_plain(annotation: Any, value: object, name: str) -> Any:
    if annotation is Any:
        return value
    if annotation is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise _wrong(annotation, value, name)
        return float(value)
    if annotation is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if annotation is Path and isinstance(value, str | Path):
        return Path(value)
    if annotation in (bool, str) and isinstance(value, annotation):
        return value
    if annotation is type(None) and value is None:
        return None
    raise _wrong(annotation, value, name)


def _check_union(annotation: Any, args: tuple[Any, ...], value: object, name: str) -> Any:
    lists = [item for item in args if get_origin(item) in _LISTS]
    for item in args:
        try:
            return check(item, value, name)
        except InputError as error:
            # Where one alternative alone can be meant, its error says more than "none of these fitted".
            groups = isinstance(value, Mapping) and dataclasses.is_dataclass(item)
            if groups or (isinstance(value, list | tuple) and lists == [item]):
                raise error from None
    raise _wrong(annotation, value, name)


def _check_group(group: Any, value: object, name: str) -> Any:
    if isinstance(value, group):
        return value
    if not isinstance(value, Mapping):
        raise _wrong(group, value, name)
    hints = get_type_hints(group, include_extras=True)
    fields = {field.name: field for field in dataclasses.fields(group)}
    for key in value:
        if key not in fields:
            raise InputError(f"{name}: unknown key {key!r}", fix=suggestion(str(key), fields))
    checked = {key: check(hints[key], item, f"{name}: {key}") for key, item in value.items()}
    for key, field in fields.items():
        lacks_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if key not in checked and lacks_default:
            raise InputError(f"{name}: {key} is missing", expected=wording(hints[key]))
    return group(**checked)


def _wrong(annotation: Any, value: object, name: str) -> InputError:
    return InputError(f"{name}: {value!r}", expected=wording(annotation))


def plain(value: Any) -> Any:
    """An option's value as JSON values, for keys, locks and lineage."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def json_schema(annotation: Any) -> dict[str, Any]:
    """JSON Schema (2020-12) of what the annotation admits."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        schema = json_schema(args[0])
        for mark in args[1:]:
            if isinstance(mark, Between):
                target = schema["items"] if schema.get("type") == "array" else schema
                target |= {"minimum": mark.low} if mark.low is not None else {}
                target |= {"maximum": mark.high} if mark.high is not None else {}
        return schema
    if origin is Literal:
        return {"enum": list(args)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [json_schema(item) for item in args]}
    if origin in _LISTS:
        return {"type": "array", "items": json_schema(args[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": json_schema(args[1])}
    if dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        properties = {field.name: json_schema(hints[field.name]) for field in dataclasses.fields(annotation)}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    names = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string", type(None): "null"}
    return {"type": names[annotation]} if annotation in names else {}
