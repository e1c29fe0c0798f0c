"""Checks a whole yard: every byte of every object, every row, every link between them.

Only looks; mends nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.signing import statement
from modelyard.yard import events, replay, signatures
from modelyard.yard.events import Problem
from modelyard.yard.objects import Objects


def inspect(connection: sqlite3.Connection, objects: Objects) -> list[Problem]:
    """All that is wrong, objects first; empty if nothing is."""
    chain = events.verify(connection)
    return [
        *_check_objects(objects),
        *_check_versions(connection, objects),
        *_check_database(connection),
        # What a broken log tells is no measure for anything.
        *([chain] if chain else replay.check(connection)),
    ]


def _check_objects(objects: Objects) -> Iterator[Problem]:
    for digest in objects.digests():
        try:
            objects.get(digest, verify=True)
        except (InputError, IntegrityError) as error:
            yield Problem(digest, error.what)


def _check_versions(connection: sqlite3.Connection, objects: Objects) -> Iterator[Problem]:
    for row in connection.execute("SELECT name, number, release FROM versions ORDER BY name, number"):
        where = f"{row['name']}:{row['number']}"
        if not objects.has(row["release"]):
            yield Problem(where, f"its release {row['release']} is missing")
            continue
        try:
            release = objects.get(row["release"], verify=False)
        except IntegrityError:
            # Named among the objects already.
            continue
        for parent in release.parents:
            if not objects.has(parent):
                yield Problem(where, f"its release refers to {parent}, which is missing")
        signed = statement(
            name=row["name"], version=row["number"], release=release.digest, model=str(release.attributes.get("model"))
        )
        for signature in signatures.check(connection, row["name"], row["number"], signed):
            if signature.state == "bad":
                yield Problem(where, f"the signature of {signature.public.id} is over something else")


def _check_database(connection: sqlite3.Connection) -> Iterator[Problem]:
    for (message,) in connection.execute("PRAGMA integrity_check"):
        if message != "ok":
            yield Problem("database", str(message))
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield Problem("database", f"row {row['rowid']} of {row['table']} refers to a missing row of {row['parent']}")
