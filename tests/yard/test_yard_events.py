"""The audit log names the first row that was tampered with; the schema guards itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from modelyard.core.errors import IntegrityError, ModelyardError
from modelyard.core.release import Release
from modelyard.yard.yard import Yard


@contextmanager
def raw(yard: Yard) -> Iterator[sqlite3.Connection]:
    """The database as somebody with an editor sees it."""
    with closing(sqlite3.connect(yard.home / "yard.sqlite")) as connection, connection:
        yield connection


@pytest.fixture
def busy(yard: Yard, publish: Callable[..., Release]) -> Yard:
    """A yard with five events."""
    for content in (b"1", b"2"):
        publish(content)
        yard.promote(f"sms-spam:{content.decode()}", actor="ann")
    yard.rollback("sms-spam", actor="bob")
    return yard


def test_events_say_who_did_what(busy: Yard) -> None:
    found = [(event.number, event.action, event.details["version"]) for event in busy.events()]
    assert found == [(1, "publish", 1), (2, "promote", 1), (3, "publish", 2), (4, "promote", 2), (5, "rollback", 1)]
    assert [event.actor for event in busy.events()][1::2] == ["ann", "ann"]
    assert busy.history("sms-spam") == busy.events()
    assert busy.history("other") == []
    assert busy.verify_events() is None


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'x'", "DELETE FROM events"])
def test_rows_cannot_be_changed_by_accident(busy: Yard, statement: str) -> None:
    with raw(busy) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statements", "first_bad"),
    [
        (["UPDATE events SET actor = 'eve' WHERE number = 3"], 3),
        (["UPDATE events SET details = '{}' WHERE number = 5"], 5),
        (["UPDATE events SET time = '2020-01-01T00:00:00.000Z' WHERE number = 1"], 1),
        (["DELETE FROM events WHERE number = 2"], 2),
        (["DELETE FROM events WHERE number = 1"], 1),
        (["DELETE FROM events WHERE number >= 4"], 4),
        (["DELETE FROM events"], 1),
        (["DELETE FROM events WHERE number = 2", "UPDATE events SET number = number - 1 WHERE number > 2"], 2),
        ([f"UPDATE events SET number = {a} WHERE number = {b}" for a, b in ((99, 3), (3, 4), (4, 99))], 3),
    ],
)
def test_first_tampered_row_is_named(busy: Yard, statements: list[str], first_bad: int) -> None:
    with raw(busy) as connection:
        connection.execute("DROP TRIGGER events_hold")
        connection.execute("DROP TRIGGER events_stay")
        for statement in statements:
            connection.execute(statement)
    problem = busy.verify_events()
    assert problem is not None
    assert problem.where == f"event {first_bad}"
    assert problem in busy.verify()


def test_newer_schema_is_refused(busy: Yard) -> None:
    with raw(busy) as connection:
        connection.execute("INSERT INTO migrations VALUES (1000, 'later')")
    with pytest.raises(ModelyardError, match="newer modelyard") as error:
        Yard(busy.home).names()
    assert "upgrade" in error.value.fix


def test_damaged_database_is_said_clearly(busy: Yard) -> None:
    (busy.home / "yard.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)
    with pytest.raises(IntegrityError, match="not a database"):
        Yard(busy.home).names()


def test_database_settings_that_durability_rests_on(yard: Yard) -> None:
    with yard._database.write() as connection:
        settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
        assert settings == ["wal", 2]
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("INSERT INTO promotions (name, alias, number) VALUES ('a', 'b', 1)")


def test_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / "file" / "yard"):
        with pytest.raises(ModelyardError, match="creating the yard failed") as error:
            Yard(home).names()
        assert "folder" in error.value.fix
