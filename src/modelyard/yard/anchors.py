"""Anchors: where the audit log stood at some time, kept outside of the yard.

Who can write the whole log can write another one with a chain that holds; it will not go through the hashes that were
written down elsewhere. A file of anchors has one JSON object a line and is only ever added to. Knows no database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.yard.durable import clear_failures, sync


@dataclass(frozen=True)
class Anchor:
    """The last event at some time.

    Attributes:
        number: of the event, 0 where there was none yet.
        hash: of the event, which covers all before it.
        time: when the anchor was made.
    """

    number: int
    hash: str
    time: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read(file: Path) -> list[Anchor]:
    """The anchors in a file, oldest first.

    Raises:
        InputError: there is no such file, it holds none, or a line is none.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"no anchors can be read: {error}", fix=f"modelyard audit anchor --file {file}") from None
    anchors = [_parse(line, f"{file}:{number}") for number, line in enumerate(lines, start=1)]
    if not anchors:
        raise InputError("no anchor in this file", fix=f"modelyard audit anchor --file {file}", where=str(file))
    return anchors


def add(file: Path, anchor: Anchor) -> None:
    """Write an anchor behind those that are there; it is on the disk when this returns."""
    with clear_failures("writing an anchor", file):
        with file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(anchor.to_json()) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        sync(file.absolute().parent)


def check_outside(file: Path, home: Path) -> None:
    """Refuse a file in the yard itself: who can change the log can change that too.

    Raises:
        InputError: it lies there.
    """
    if file.resolve().is_relative_to(home.resolve()):
        raise InputError(
            "an anchor in the yard proves nothing",
            expected="a file outside of it, best where only others can write",
            where=str(file),
        )


def _parse(line: str, where: str) -> Anchor:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    kinds: Iterable[tuple[str, type]] = (("number", int), ("hash", str), ("time", str))
    if not isinstance(found, dict) or any(type(found.get(name)) is not kind for name, kind in kinds):
        raise InputError(
            "this line is no anchor", expected='{"number": 12, "hash": "sha256:…", "time": "…"}', where=where
        )
    return Anchor(found["number"], found["hash"], found["time"])
