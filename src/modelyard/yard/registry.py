"""Numbered versions of releases, and the aliases that point to them.

Knows rows of the database; that the artifacts behind them are there is the yard's business.
All functions take the connection of the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.core.requirement import Verdict
from modelyard.yard import events
from modelyard.yard.naming import PRODUCTION, Reference


@dataclass(frozen=True)
class Version:
    """A release under its name and number.

    Attributes:
        release: digest of the release.
        verdict: whether its requirements were met when it was built.
        created: when it was published, ISO 8601 in UTC.
        aliases: the aliases that point to it now.
    """

    name: str
    number: int
    release: str
    verdict: Verdict
    created: str
    aliases: tuple[str, ...]

    @property
    def reference(self) -> str:
        return f"{self.name}:{self.number}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "reference": self.reference, "verdict": self.verdict.value}


def names(connection: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in connection.execute("SELECT DISTINCT name FROM versions ORDER BY name")]


def versions(connection: sqlite3.Connection, name: str) -> list[Version]:
    """All versions of a name, newest first.

    Raises:
        InputError: there is no such name.
    """
    rows = connection.execute("SELECT * FROM versions WHERE name = ? ORDER BY number DESC", (name,)).fetchall()
    if not rows:
        known = names(connection)
        fix = suggestion(name, known) if known else "publish one first: modelyard build RECIPE"
        raise InputError(f"no release is named {name!r}", fix=fix)
    pointing = aliases(connection, name)
    return [
        Version(
            name,
            row["number"],
            row["release"],
            Verdict(row["verdict"]),
            row["created"],
            tuple(alias for alias, number in pointing.items() if number == row["number"]),
        )
        for row in rows
    ]


def aliases(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    """Alias → number of the version that it points to: its newest promotion that still stands."""
    rows = connection.execute(
        "SELECT alias, number, max(id) FROM promotions WHERE name = ? AND stands GROUP BY alias ORDER BY alias",
        (name,),
    )
    return {row["alias"]: row["number"] for row in rows}


def resolve(connection: sqlite3.Connection, reference: Reference) -> Version:
    """The version that is meant.

    Raises:
        InputError: no such name, alias or number.
    """
    found = versions(connection, reference.name)
    if reference.number is not None:
        matching = [version for version in found if version.number == reference.number]
        if not matching:
            raise InputError(
                f"{reference.name} has no version {reference.number}", expected=f"a number from 1 to {found[0].number}"
            )
        return matching[0]
    alias = reference.alias or PRODUCTION
    matching = [version for version in found if alias in version.aliases]
    if matching:
        return matching[0]
    if reference.alias is None:
        return found[0]
    known = [alias for version in found for alias in version.aliases]
    fix = suggestion(alias, known) if known else f"modelyard promote {found[0].reference} --alias {alias}"
    raise InputError(f"{reference.name} has no alias {alias!r}", fix=fix)


def publish(connection: sqlite3.Connection, name: str, release: str, verdict: Verdict, *, actor: str | None) -> Version:
    """Give the release the next number of its name, unless it is the newest version already."""
    newest = connection.execute(
        "SELECT number, release FROM versions WHERE name = ? ORDER BY number DESC LIMIT 1", (name,)
    ).fetchone()
    if newest and newest["release"] == release:
        return resolve(connection, Reference(name, number=newest["number"]))
    number = newest["number"] + 1 if newest else 1
    connection.execute(
        "INSERT INTO versions VALUES (?, ?, ?, ?, ?)", (name, number, release, verdict.value, events.now())
    )
    details = {"version": number, "release": release, "verdict": verdict.value}
    events.append(connection, actor=actor, action="publish", name=name, details=details)
    return resolve(connection, Reference(name, number=number))


def promote(
    connection: sqlite3.Connection, reference: Reference, *, alias: str, force: bool, actor: str | None
) -> Version:
    """Point the alias to the version; nothing happens if it does already.

    A plain name means its newest version here: what is in production needs no promotion.

    Raises:
        InputError: its requirements were not met, and ``force`` is not given.
    """
    plain = reference.alias is None and reference.number is None
    version = versions(connection, reference.name)[0] if plain else resolve(connection, reference)
    if alias in version.aliases:
        return version
    met = version.verdict is Verdict.MET
    if not met and not force:
        raise InputError(
            f"{version.reference} cannot be promoted: its requirements are {version.verdict.value}",
            expected="a version whose requirements are met",
            fix=f"build one that meets them, or: modelyard promote {version.reference} --force (it is recorded)",
        )
    connection.execute(
        "INSERT INTO promotions (name, alias, number) VALUES (?, ?, ?)", (version.name, alias, version.number)
    )
    details = {"alias": alias, "version": version.number, "verdict": version.verdict.value, "forced": not met}
    events.append(connection, actor=actor, action="promote", name=version.name, details=details)
    return resolve(connection, Reference(version.name, number=version.number))


def rollback(connection: sqlite3.Connection, name: str, *, alias: str, actor: str | None) -> Version:
    """Take the alias's newest standing promotion back, so that it points to the one before.

    Raises:
        InputError: no such name or alias, or nothing before it to return to.
    """
    left = resolve(connection, Reference(name, alias=alias))
    standing = connection.execute(
        "SELECT id, number FROM promotions WHERE name = ? AND alias = ? AND stands ORDER BY id DESC LIMIT 2",
        (name, alias),
    ).fetchall()
    if len(standing) < 2:
        raise InputError(
            f"{name}@{alias} has pointed to no version before {left.reference}",
            fix=f"promote another version: modelyard promote {name}:NUMBER --alias {alias}",
        )
    connection.execute("UPDATE promotions SET stands = 0 WHERE id = ?", (standing[0]["id"],))
    details = {"alias": alias, "version": standing[1]["number"], "left": left.number}
    events.append(connection, actor=actor, action="rollback", name=name, details=details)
    return resolve(connection, Reference(name, number=standing[1]["number"]))
