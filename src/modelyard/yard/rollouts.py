"""Rollouts: which new version is taking over, how far it is, and how it ended.

One of a name runs at a time. All functions take the connection of the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.requirement import Verdict
from modelyard.core.rollout import Plan, Progress, State
from modelyard.yard import events, registry
from modelyard.yard.naming import Reference

ACTOR = "rollout"
"""Who promotes at the end."""


@dataclass(frozen=True)
class Rollout:
    """A new version on its way.

    Attributes:
        number: of the version.
        stable: number of the version that the alias points to.
        alias: that moves in the end.
        checked: when a server last recorded a check, seconds since the epoch; 0 for never.
    """

    id: int
    name: str
    number: int
    stable: int
    alias: str
    plan: Plan
    progress: Progress
    state: State
    started: str
    checked: float = 0.0

    def to_json(self) -> dict[str, Any]:
        weight = self.progress.weight(self.plan) if self.state is State.RUNNING else None
        return {**asdict(self), "state": self.state.value, "weight": weight}


def newest(connection: sqlite3.Connection, name: str) -> Rollout | None:
    """The rollout of a name that runs, or else the last one."""
    row = connection.execute("SELECT * FROM rollouts WHERE name = ? ORDER BY id DESC LIMIT 1", (name,)).fetchone()
    return None if row is None else _read(row)


def start(
    connection: sqlite3.Connection, reference: Reference, plan: Plan, *, alias: str, force: bool, actor: str | None
) -> Rollout:
    """Begin to roll a version out.

    Raises:
        InputError: the alias points nowhere yet or to that version, one of the name runs already, or its requirements
            were not met and ``force`` is not given.
    """
    version = registry.resolve(connection, reference)
    stable = registry.aliases(connection, version.name).get(alias)
    if stable is None:
        fix = f"modelyard promote {version.reference} --alias {alias}"
        raise InputError(f"{version.name} has no alias {alias!r} to take over", fix=fix)
    if stable == version.number:
        raise InputError(f"{version.name}@{alias} is {version.reference} already", expected="another version")
    running = newest(connection, version.name)
    if running is not None and running.state is State.RUNNING:
        raise InputError(
            f"{version.name}:{running.number} is being rolled out",
            expected="one rollout of a name at a time",
            fix=f"wait, or: modelyard rollout abort {version.name}",
        )
    if version.verdict is not Verdict.MET and not force:
        raise InputError(
            f"{version.reference} cannot be rolled out: its requirements are {version.verdict.value}",
            expected="a version whose requirements are met",
            fix="build one that meets them, or add --force (it is recorded)",
        )
    connection.execute(
        "INSERT INTO rollouts (name, number, stable, alias, plan, progress, state, started) VALUES (?,?,?,?,?,?,?,?)",
        (
            version.name,
            version.number,
            stable,
            alias,
            json.dumps(plan.to_json()),
            json.dumps(Progress().to_json()),
            State.RUNNING.value,
            events.now(),
        ),
    )
    details = {"version": version.number, "stable": stable, "alias": alias, "plan": plan.to_json()}
    events.append(connection, actor=actor, action="rollout start", name=version.name, details=details)
    made = newest(connection, version.name)
    assert made is not None  # noqa: S101 - inserted above
    return made


def note(
    connection: sqlite3.Connection,
    rollout: Rollout,
    progress: Progress,
    state: State,
    evidence: Mapping[str, Any],
    *,
    actor: str | None,
    now: float,
) -> bool:
    """Record a check and where it led; a promotion moves the alias in the same transaction.

    Args:
        rollout: as it was when the check was made.
        now: seconds since the epoch.

    Returns:
        Whether it was recorded: not if the rollout has ended meanwhile, or another server has recorded a check.
    """
    current = newest(connection, rollout.name)
    if current is None or current.id != rollout.id or current.state is not State.RUNNING:
        return False
    if state is not State.ABORTED and current.checked != rollout.checked:
        return False
    connection.execute(
        "UPDATE rollouts SET progress = ?, state = ?, checked = ? WHERE id = ?",
        (json.dumps(progress.to_json()), state.value, now, rollout.id),
    )
    action = "rollout check" if state is State.RUNNING else f"rollout {state.value}"
    details = {"version": rollout.number, "stable": rollout.stable, **progress.to_json(), **evidence}
    events.append(connection, actor=actor, action=action, name=rollout.name, details=details)
    if state is State.PROMOTED:
        reference = Reference(rollout.name, number=rollout.number)
        registry.promote(connection, reference, alias=rollout.alias, force=True, actor=actor)
    return True


def _read(row: sqlite3.Row) -> Rollout:
    return Rollout(
        row["id"],
        row["name"],
        row["number"],
        row["stable"],
        row["alias"],
        Plan(**json.loads(row["plan"])),
        Progress(**json.loads(row["progress"])),
        State(row["state"]),
        row["started"],
        row["checked"],
    )
