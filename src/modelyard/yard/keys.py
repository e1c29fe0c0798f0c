"""The keys of a yard, without their tokens, which only their owners have.

Knows rows of the database. A revoked key stays: it names who did what, and a yard that ever had
keys is never open again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from modelyard.core.access import Key, Rate, Role, check_patterns, hash_token, new_token
from modelyard.core.errors import InputError, suggestion
from modelyard.yard import events

ADDED, REVOKED = "add key", "revoke key"
"""Actions in the audit log."""

_LONGEST = 80


def add(
    connection: sqlite3.Connection,
    *,
    label: str,
    role: Role,
    models: Iterable[str],
    rate: Rate | None,
    expires: datetime | None,
    actor: str | None,
) -> tuple[Key, str]:
    """A new key and its token, which is kept nowhere.

    Raises:
        InputError: the label, a pattern or the time cannot be used.
    """
    patterns, now = check_patterns(models), datetime.now(UTC)
    check_label(label)
    if expires is not None and expires <= now:
        raise InputError(f"the key would have expired at {events.write_time(expires)}", expected="a time to come")
    number, token = new_token()
    written = (
        number,
        hash_token(token),
        label,
        role.value,
        json.dumps(patterns),
        rate.per_second if rate else None,
        rate.burst if rate else None,
        events.write_time(now),
        events.write_time(expires) if expires else None,
        None,
    )
    connection.execute(f"INSERT INTO keys VALUES ({', '.join('?' * len(written))})", written)
    key = _find(connection, number)
    events.append(connection, actor=actor, action=ADDED, name="", details=facts(key))
    return key, token


def check_label(label: str) -> str:
    """The label itself.

    Raises:
        InputError: empty, too long, or with characters that steer a terminal.
    """
    if not label.isprintable() or not 1 <= len(label) <= _LONGEST:
        raise InputError(f"{label!a:.80} cannot be a label", expected=f"1 to {_LONGEST} printable characters")
    return label


def facts(key: Key) -> dict[str, Any]:
    """What the audit log tells of a key: all that it gives, and its hash, so that no other token takes its place."""
    return {
        "key": key.id,
        "label": key.label,
        "role": key.role.value,
        "models": list(key.models),
        "per_second": key.rate.per_second if key.rate else None,
        "burst": key.rate.burst if key.rate else None,
        "expires": events.write_time(key.expires) if key.expires else None,
        "hash": key.hash,
    }


def read(connection: sqlite3.Connection) -> list[Key]:
    """All keys, oldest first, those that give nothing any more included."""
    return [_key(row) for row in connection.execute("SELECT * FROM keys ORDER BY rowid")]


def revoke(connection: sqlite3.Connection, number: str, *, actor: str | None) -> Key:
    """End a key for good; nothing happens if that was done already.

    Raises:
        InputError: there is none of that id.
    """
    key = _find(connection, number)
    if key.revoked is None:
        connection.execute("UPDATE keys SET revoked = ? WHERE id = ?", (events.write_time(datetime.now(UTC)), number))
        details = {"key": number, "label": key.label}
        events.append(connection, actor=actor, action=REVOKED, name="", details=details)
    return _find(connection, number)


def _find(connection: sqlite3.Connection, number: str) -> Key:
    keys = {key.id: key for key in read(connection)}
    if number not in keys:
        fix = suggestion(number, keys) if keys else "modelyard keys add"
        raise InputError(f"no key has the id {number!a:.40}", fix=fix)
    return keys[number]


def _key(row: sqlite3.Row) -> Key:
    rate = None if row["per_second"] is None else Rate(row["per_second"], row["burst"])
    return Key(
        id=row["id"],
        label=row["label"],
        role=Role(row["role"]),
        models=tuple(json.loads(row["models"])),
        rate=rate,
        created=datetime.fromisoformat(row["created"]),
        expires=datetime.fromisoformat(row["expires"]) if row["expires"] else None,
        revoked=datetime.fromisoformat(row["revoked"]) if row["revoked"] else None,
        hash=row["hash"],
    )
