"""Whether versions, aliases and keys are what the audit log says was done.

Every change is recorded in the transaction that makes it: what no event tells of was put there by another hand. Only
looks, and asks for a chain that holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from modelyard.yard import datasets, events, keys, signatures
from modelyard.yard.events import Event, Problem


def check(connection: sqlite3.Connection) -> list[Problem]:
    """Rows that no event accounts for, and events whose rows are gone or changed."""
    told, found = replay(events.read(connection)), _read(connection)
    return [
        Problem(where, "it is not what the audit log says was done")
        for where in sorted({*told, *found})
        if not (where in told and where in found and told[where] == found[where])
    ]


def replay(log: Iterable[Event]) -> dict[str, Any]:
    """What the events amount to: releases of versions, promotions that stand, keys and signatures."""
    state: dict[str, Any] = {}
    for event in log:
        # Nothing is taken for granted of the details: a forged event must differ, not fail.
        details = event.details
        alias, key = f"{event.name}@{details.get('alias')}", f"key {details.get('key')}"
        signer = f"public key {details.get('signer')}"
        if event.action == "publish":
            state[f"{event.name}:{details.get('version')}"] = details.get("release")
        elif event.action == datasets.PUBLISHED:
            state[f"data {event.name}:{details.get('version')}"] = details.get("digest")
        elif event.action == "promote":
            state[alias] = [*state.get(alias, []), details.get("version")]
        elif event.action == "rollback":
            state[alias] = state.get(alias, [])[:-1]
        elif event.action == keys.ADDED:
            state[key] = {**details, "revoked": False}
        elif event.action == keys.REVOKED:
            state[key] = {**state.get(key, {}), "revoked": True}
        elif event.action == signatures.TRUSTED:
            state[signer] = {"public": details.get("public"), "label": details.get("label"), "withdrawn": False}
        elif event.action == signatures.WITHDRAWN:
            state[signer] = {**state.get(signer, {}), "withdrawn": True}
        elif event.action == signatures.SIGNED:
            where = f"{event.name}:{details.get('version')}, signed with {details.get('public')}"
            state[where] = details.get("signature")
        elif event.action == signatures.REQUIRED:
            state["signatures"] = details.get("required")
    return state


def _read(connection: sqlite3.Connection) -> dict[str, Any]:
    """The same, from the tables."""
    state: dict[str, Any] = {}
    for row in connection.execute("SELECT name, number, release FROM versions"):
        state[f"{row['name']}:{row['number']}"] = row["release"]
    for row in connection.execute("SELECT name, number, digest FROM datasets"):
        state[f"data {row['name']}:{row['number']}"] = row["digest"]
    for row in connection.execute("SELECT name, alias, number FROM promotions WHERE stands ORDER BY id"):
        state.setdefault(f"{row['name']}@{row['alias']}", []).append(row["number"])
    for key in keys.read(connection):
        state[f"key {key.id}"] = {**keys.facts(key), "revoked": key.revoked is not None}
    for row in connection.execute("SELECT * FROM signers"):
        facts = {"public": row["public"], "label": row["label"], "withdrawn": bool(row["withdrawn"])}
        state[f"public key {row['id']}"] = facts
    for row in connection.execute("SELECT * FROM signatures"):
        state[f"{row['name']}:{row['number']}, signed with {row['public']}"] = row["signature"]
    if connection.execute("SELECT count(*) FROM settings").fetchone()[0]:
        state["signatures"] = signatures.is_required(connection)
    return state
