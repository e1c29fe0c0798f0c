"""The step cache: which artifact came of a piece of work, by the key of that work.

Knows rows of the database. What stands here may be gone from the objects: it is a cache.
"""

from __future__ import annotations

import sqlite3
import time


def find(connection: sqlite3.Connection, key: str) -> str | None:
    """Digest of what the work gave, if it was remembered."""
    row = connection.execute("SELECT digest FROM steps WHERE key = ?", (key,)).fetchone()
    return str(row["digest"]) if row else None


def seconds(connection: sqlite3.Connection, key: str) -> float:
    """How long the work took when it was done."""
    row = connection.execute("SELECT seconds FROM steps WHERE key = ?", (key,)).fetchone()
    return float(row["seconds"]) if row else 0.0


def remember(connection: sqlite3.Connection, key: str, step: str, digest: str, seconds: float) -> None:
    """Record the result of a step; the latest result for a key counts."""
    connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?)", (key, step, digest, seconds, time.time()))


def touch(connection: sqlite3.Connection, key: str) -> None:
    """Note that the result was used, so that the collector spares it; to the hour, as a write costs a sync."""
    now = time.time()
    connection.execute("UPDATE steps SET used = ? WHERE key = ? AND used < ?", (now, key, now - 3600))


def used_since(connection: sqlite3.Connection, moment: float) -> set[str]:
    """Digests of results that were made or used since then (seconds since the epoch)."""
    return {row["digest"] for row in connection.execute("SELECT digest FROM steps WHERE used >= ?", (moment,))}


def forget(connection: sqlite3.Connection, digest: str) -> None:
    connection.execute("DELETE FROM steps WHERE digest = ?", (digest,))


def maker_of(connection: sqlite3.Connection, digest: str) -> str | None:
    """Name of the step that made the artifact, if it is remembered."""
    row = connection.execute("SELECT step FROM steps WHERE digest = ? ORDER BY used LIMIT 1", (digest,)).fetchone()
    return str(row["step"]) if row else None
