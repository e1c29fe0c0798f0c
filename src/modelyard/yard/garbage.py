"""Removes what no version needs and nobody used for a while.

Runs alone: every build, put and publish holds the yard's lock shared, the collector holds it
alone. Killed at any point it leaves whole objects only; the next run finishes the rest.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from modelyard.core.errors import IntegrityError, ModelyardError
from modelyard.yard import events, locks, steps
from modelyard.yard.database import Database
from modelyard.yard.durable import clear, clear_failures
from modelyard.yard.layout import Layout
from modelyard.yard.lineage import ancestry
from modelyard.yard.objects import Objects


@dataclass(frozen=True)
class Collected:
    """What was removed: digests of objects, their bytes, and the number of abandoned work folders."""

    objects: tuple[str, ...]
    size_bytes: int
    work_folders: int


def collect(
    layout: Layout, database: Database, objects: Objects, *, older_than: timedelta, actor: str | None
) -> Collected:
    """Remove objects that no version descends from and that were neither put nor used in the step
    cache for ``older_than``, and work folders that were left that long ago.

    Raises:
        ModelyardError: a build is running.
        IntegrityError: the manifest of something that a version needs was altered.
    """
    moment = time.time() - older_than.total_seconds()
    try:
        with locks.exclusive(layout.yard_lock, wait=False):
            with database.write() as connection:
                doomed = _unneeded(connection, objects, moment)
                size = sum(_size(objects.path(digest)) for digest in doomed)
                if doomed:
                    # Recorded before it is done: what the log does not name is never missing.
                    details = {"objects": doomed, "size_bytes": size}
                    events.append(connection, actor=actor, action="collect", name="", details=details)
                for digest in doomed:
                    steps.forget(connection, digest)
            for digest in doomed:
                objects.discard(digest)
            return Collected(tuple(doomed), size, _clear_abandoned(layout, moment))
    except BlockingIOError:
        raise ModelyardError(
            "work is under way in this yard", fix="collect again when it is done", where=str(layout.home)
        ) from None


def _unneeded(connection: sqlite3.Connection, objects: Objects, moment: float) -> list[str]:
    released = [row["release"] for row in connection.execute("SELECT release FROM versions")]
    named = [row["digest"] for row in connection.execute("SELECT digest FROM datasets")]
    needed = ancestry(objects, [*released, *named])
    for digest in steps.used_since(connection, moment):
        try:
            needed |= ancestry(objects, [digest])
        except IntegrityError:
            # A damaged entry of the step cache is of no use to anybody.
            continue
    return [digest for digest in objects.digests() if digest not in needed and objects.put_at(digest) < moment]


def _clear_abandoned(layout: Layout, moment: float) -> int:
    """Nobody works while the yard's lock is held: what lies in staging is rubbish, nobody waits for
    another lock, and work folders are there to be resumed from."""
    with clear_failures("removing abandoned work", layout.home):
        for folder in layout.staging.iterdir():
            clear(folder)
        left = [folder for folder in layout.work.iterdir() if folder.stat().st_mtime < moment]
        for folder in left:
            clear(folder)
        for file in layout.locks.iterdir():
            if file != layout.yard_lock:
                file.unlink()
    return len(left)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
