"""The audit log: one row for everything that changed what is in use, chained by SHA-256.

Each hash covers the row and the hash before it, so that an edited, removed or reordered row
shows. Whoever can write the whole file can also write a whole new chain: anchors show that.
"""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.yard.anchors import Anchor

_START = "sha256:" + "0" * 64


@dataclass(frozen=True)
class Event:
    """Who did what when. ``name`` is the release's name, empty where it is about the whole yard."""

    number: int
    time: str
    actor: str
    action: str
    name: str
    details: Mapping[str, Any]
    hash: str


@dataclass(frozen=True)
class Problem:
    """Something in the yard that is not as it was stored."""

    where: str
    what: str


def now() -> str:
    """The time as :func:`write_time` writes it."""
    return write_time(datetime.now(UTC))


def write_time(moment: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(
    connection: sqlite3.Connection, *, actor: str | None, action: str, name: str, details: Mapping[str, Any]
) -> None:
    """Record an event in the transaction that makes the change.

    Args:
        actor: who did it; None for the user of this process.
    """
    last = head(connection)
    row = (last.number + 1, now(), actor or _current_user(), action, name, canonical_json(details).decode())
    connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _hash(last.hash, row)))


def read(connection: sqlite3.Connection, name: str | None = None) -> list[Event]:
    """All events, or those of one release name, oldest first."""
    rows = connection.execute("SELECT * FROM events WHERE ? IS NULL OR name = ? ORDER BY number", (name, name))
    return [Event(**{**row, "details": json.loads(row["details"])}) for row in map(dict, rows)]


def head(connection: sqlite3.Connection) -> Anchor:
    """Where the log stands now."""
    last = connection.execute("SELECT number, hash FROM events ORDER BY number DESC LIMIT 1").fetchone()
    return Anchor(last["number"], last["hash"], now()) if last else Anchor(0, _START, now())


def verify(connection: sqlite3.Connection, anchors: Iterable[Anchor] = ()) -> Problem | None:
    """The first event that is not as it was recorded, or None if all are.

    Args:
        anchors: hashes that the chain must go through.
    """
    return _verify_chain(connection) or next(_missed(connection, anchors), None)


def _missed(connection: sqlite3.Connection, anchors: Iterable[Anchor]) -> Iterator[Problem]:
    hashes = {0: _START} | {row["number"]: row["hash"] for row in connection.execute("SELECT number, hash FROM events")}
    for anchor in sorted(anchors, key=lambda anchor: anchor.number):
        if anchor.number not in hashes:
            yield Problem(f"event {len(hashes)}", f"it was removed: the anchor of {anchor.time} names a later one")
        elif hashes[anchor.number] != anchor.hash:
            what = f"it, or one before it, was rewritten after the anchor of {anchor.time}"
            yield Problem(f"event {anchor.number}", what)


def _verify_chain(connection: sqlite3.Connection) -> Problem | None:
    previous, expected = _START, 1
    for row in connection.execute("SELECT * FROM events ORDER BY number"):
        if row["number"] != expected:
            return Problem(f"event {expected}", "it was removed")
        if row["hash"] != _hash(previous, tuple(row)[:-1]):
            return Problem(f"event {expected}", "its hash does not match its contents and the event before it")
        previous, expected = row["hash"], expected + 1
    recorded = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    if recorded and (recorded["seq"] or 0) >= expected:
        return Problem(f"event {expected}", "it was removed, with all events after it")
    return None


def _current_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the user often has a number but no name.
        return f"uid {os.getuid()}"


def _hash(previous: str, row: tuple[Any, ...]) -> str:
    return hash_bytes(canonical_json([previous, *row]))
