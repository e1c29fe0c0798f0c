"""A network that is to be made anew: the name of its architecture and the options that it is built with.

The reference ``new:mlp?hidden=64,32`` becomes a folder with one JSON file; the task that adopts it knows the
architecture. Holds no weights, so nothing in it can carry code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

from modelyard.core import options
from modelyard.core.errors import InputError, suggestion
from modelyard.core.source import Source

FILE = "blueprint.json"
SCHEME = "new"

_Options = TypeVar("_Options")


@dataclass(frozen=True)
class Blueprint:
    """What ``new:ARCHITECTURE?OPTION=VALUE`` says.

    Attributes:
        architecture: such as ``mlp``.
        options: option → number, true/false, text, or a list of these.
    """

    architecture: str
    options: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        body = {"architecture": self.architecture, "options": dict(self.options)}
        (folder / FILE).write_text(json.dumps(body, sort_keys=True) + "\n", encoding="utf-8")

    def read_options(self, group: type[_Options]) -> _Options:
        """The options as a frozen dataclass, whose fields say what there is and of what type.

        Raises:
            InputError: an unknown option, or a value of another type or out of range.
        """
        if not is_dataclass(group):
            raise TypeError(f"{group!r} is no dataclass")
        hints = get_type_hints(group)
        known = {field.name for field in fields(group)}
        given = dict(self.options)
        for name, value in given.items():
            # A single value cannot be told from a list of one where it is written down.
            if name in known and get_origin(hints[name]) in (list, tuple) and not isinstance(value, list):
                given[name] = [value]
        checked: _Options = options.check(group, given, f"{SCHEME}:{self.architecture}")
        return checked


def read(source: Source) -> Blueprint | None:
    """The blueprint that a source is, or None where it holds something else."""
    file = source.path / FILE
    if not file.is_file():
        return None
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        return Blueprint(str(body["architecture"]), dict(body["options"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(
            f"no readable {FILE}", expected="what a new: reference makes", where=source.reference
        ) from None


def expect(source: Source, *architectures: str) -> Blueprint:
    """The blueprint of one of these architectures.

    Raises:
        InputError: the source is something else.
    """
    found = read(source)
    forms = " or ".join(f"{SCHEME}:{name}" for name in architectures)
    if found is None:
        raise InputError(
            "this task takes no pretrained files",
            expected=f"{forms}, which is trained on the data",
            fix="name a trained one as yard:name@alias",
            where=source.reference,
        )
    if found.architecture not in architectures:
        fix = suggestion(found.architecture, architectures)
        raise InputError(f"no architecture {found.architecture!r} for this task", fix=fix, where=source.reference)
    return found
