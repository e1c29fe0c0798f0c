"""Numbered datasets: rows that were made in the yard, under a name that a recipe can say.

Knows rows of the database. All functions take the connection of the caller's transaction.
"""

from __future__ import annotations

import sqlite3

from modelyard.core.errors import InputError, suggestion
from modelyard.yard import events
from modelyard.yard.naming import Reference

PUBLISHED = "publish data"


def publish(connection: sqlite3.Connection, name: str, digest: str, *, actor: str | None) -> int:
    """Give a dataset the next number of its name; the newest published again keeps its number."""
    newest = connection.execute(
        "SELECT number, digest FROM datasets WHERE name = ? ORDER BY number DESC LIMIT 1", (name,)
    ).fetchone()
    if newest and newest["digest"] == digest:
        return int(newest["number"])
    number = newest["number"] + 1 if newest else 1
    connection.execute("INSERT INTO datasets VALUES (?, ?, ?, ?)", (name, number, digest, events.now()))
    details = {"version": number, "digest": digest}
    events.append(connection, actor=actor, action=PUBLISHED, name=name, details=details)
    return int(number)


def resolve(connection: sqlite3.Connection, reference: Reference) -> str:
    """The digest behind ``name`` (the newest) or ``name:2``.

    Raises:
        InputError: there is none, or an alias is named.
    """
    rows = connection.execute("SELECT name, number, digest FROM datasets ORDER BY number DESC").fetchall()
    found = [row for row in rows if row["name"] == reference.name]
    if not found:
        known = {row["name"] for row in rows}
        fix = suggestion(reference.name, known) if known else "publish one first: modelyard review export NAME"
        raise InputError(f"no dataset is named {reference.name!r}", fix=fix)
    if reference.alias is not None:
        raise InputError(f"{reference.name}: datasets have no aliases", expected=f"{reference.name}, or with :NUMBER")
    for row in found:
        if reference.number in (None, row["number"]):
            return str(row["digest"])
    raise InputError(f"{reference.name} has no version {reference.number}", expected=f"1 to {found[0]['number']}")
