"""The yard's database: SQLite with short transactions that are durable when they return.

Write-ahead log, ``synchronous=FULL``, foreign keys. Each transaction has a connection of its
own, so that threads and forked processes may share a yard. Knows the tables, not their meaning.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

from modelyard.core.errors import ModelyardError
from modelyard.yard.durable import clear_failures

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE versions (
            name TEXT NOT NULL, number INTEGER NOT NULL, release TEXT NOT NULL, verdict TEXT NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (name, number)) STRICT""",
        # An alias points to its newest promotion that still stands; a rollback takes that one back.
        """CREATE TABLE promotions (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, alias TEXT NOT NULL, number INTEGER NOT NULL,
            stands INTEGER NOT NULL DEFAULT 1,
            FOREIGN KEY (name, number) REFERENCES versions (name, number)) STRICT""",
        "CREATE INDEX promotions_by_alias ON promotions (name, alias, id)",
        """CREATE TABLE steps (
            key TEXT PRIMARY KEY, step TEXT NOT NULL, digest TEXT NOT NULL, seconds REAL NOT NULL,
            used REAL NOT NULL) STRICT""",
        "CREATE INDEX steps_by_digest ON steps (digest)",
        # AUTOINCREMENT remembers the highest number, which shows when the last rows were removed.
        """CREATE TABLE events (
            number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, name TEXT NOT NULL, details TEXT NOT NULL CHECK (json_valid(details)),
            hash TEXT NOT NULL) STRICT""",
        """CREATE TRIGGER events_stay BEFORE DELETE ON events
            BEGIN SELECT RAISE(ABORT, 'events are never removed'); END""",
        """CREATE TRIGGER events_hold BEFORE UPDATE ON events
            BEGIN SELECT RAISE(ABORT, 'events are never changed'); END""",
    ),
    (
        """CREATE TABLE keys (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL, label TEXT NOT NULL, role TEXT NOT NULL,
            models TEXT NOT NULL CHECK (json_valid(models)), per_second REAL, burst INTEGER,
            created TEXT NOT NULL, expires TEXT, revoked TEXT) STRICT""",
    ),
    (
        """CREATE TABLE rollouts (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER NOT NULL, stable INTEGER NOT NULL,
            alias TEXT NOT NULL, plan TEXT NOT NULL CHECK (json_valid(plan)),
            progress TEXT NOT NULL CHECK (json_valid(progress)), state TEXT NOT NULL, started TEXT NOT NULL,
            FOREIGN KEY (name, number) REFERENCES versions (name, number)) STRICT""",
        "CREATE INDEX rollouts_by_name ON rollouts (name, id)",
    ),
    (
        """CREATE TABLE signers (
            id TEXT PRIMARY KEY, public TEXT NOT NULL, label TEXT NOT NULL, withdrawn INTEGER NOT NULL) STRICT""",
        """CREATE TABLE signatures (
            name TEXT NOT NULL, number INTEGER NOT NULL, public TEXT NOT NULL, signature TEXT NOT NULL,
            created TEXT NOT NULL, PRIMARY KEY (name, number, public),
            FOREIGN KEY (name, number) REFERENCES versions (name, number)) STRICT""",
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    (
        """CREATE TABLE reviews (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, number INTEGER NOT NULL, request TEXT NOT NULL,
            row INTEGER NOT NULL, reason TEXT NOT NULL, inputs TEXT NOT NULL CHECK (json_valid(inputs)),
            answer TEXT NOT NULL CHECK (json_valid(answer)),
            proposed TEXT CHECK (proposed IS NULL OR json_valid(proposed)),
            created TEXT NOT NULL, claimed_by TEXT, claimed_until REAL,
            decision TEXT CHECK (decision IS NULL OR json_valid(decision)), comment TEXT, decided_by TEXT, decided TEXT,
            FOREIGN KEY (name, number) REFERENCES versions (name, number)) STRICT""",
        "CREATE INDEX reviews_by_name ON reviews (name, decision IS NULL, id)",
        "CREATE TABLE reviews_dropped (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT",
    ),
    (
        """CREATE TABLE datasets (
            name TEXT NOT NULL, number INTEGER NOT NULL, digest TEXT NOT NULL, created TEXT NOT NULL,
            PRIMARY KEY (name, number)) STRICT""",
    ),
    ("ALTER TABLE rollouts ADD COLUMN checked REAL NOT NULL DEFAULT 0",),
)
"""Each entry brings the schema one version further; published ones are never edited."""

_PATIENCE = 30.0
"""Seconds to wait for other writers before giving up."""

_Result = TypeVar("_Result")


class Database:
    """One SQLite file, created and migrated at its first use.

    Args:
        file: where it lies; its folder must exist when it is first used.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._ready = False
        self._preparing = Lock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A consistent view that no writer waits for."""
        with clear_failures("reading the yard's database", self.file), closing(self._connect()) as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on the disk when the block ends, or nothing if it raises."""
        with (
            clear_failures("writing the yard's database", self.file),
            closing(self._connect()) as connection,
            _transaction(connection),
        ):
            yield connection

    def _connect(self) -> sqlite3.Connection:
        with self._preparing:
            if not self._ready:
                with closing(_open(self.file)) as connection:
                    _migrate(connection, self.file)
                self._ready = True
        return _open(self.file)


def _open(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    _patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some failures (a full disk) SQLite has rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, file: Path) -> None:
    with _transaction(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, time TEXT NOT NULL)")
        (version,) = connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()
        if version > len(MIGRATIONS):
            raise ModelyardError(
                f"this yard was written by a newer modelyard (schema {version})",
                expected=f"a schema of at most {len(MIGRATIONS)}",
                fix="pip install --upgrade modelyard",
                where=str(file),
            )
        for number, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (number,))


def _patiently(action: Callable[[], _Result]) -> _Result:
    """Try again while another process holds the lock.

    Pauses are short and random: with SQLite's own growing pauses, two busy writers wait some
    700 ms for each other at the median.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.0005, 0.01))
